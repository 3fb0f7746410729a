//! The first of several times at which something is to be done.

use std::time::Instant;

use super::transport::Wake;

/// The earliest of the times offered.
#[derive(Debug, Default)]
pub(crate) struct Earliest(pub(crate) Option<(Instant, Wake)>);

impl Earliest {
    pub(crate) fn offer(&mut self, at: Instant, wake: Wake) {
        if self.0.is_none_or(|(known, _)| at < known) {
            self.0 = Some((at, wake));
        }
    }
}
