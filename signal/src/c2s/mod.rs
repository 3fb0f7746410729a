//! One client's stream: framing (RFC 7395), SASL ANONYMOUS, resource binding, limits, and the client's own view of our
//! domain. Pure.
//!
//! [`Stream::handle`] takes one frame and says what to do about it: [`Step`]s in order.

mod alias;
mod rate;
mod stream;

pub use alias::Alias;
pub use rate::{Bucket, RateLimits};
pub(crate) use stream::uuid;
pub use stream::{Step, Stream, StreamError, StreamLimits};

/// Names one XMPP stream of a client. Chosen by the shell, never used twice in the life of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// How a client came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Node of the room in the URL (`?room=`), lower case, percent-decoded. Messages to service components name no room.
    pub room: Option<String>,
    /// `host[:port]` that this client used in its URL.
    pub authority: String,
    /// The client came by https or wss.
    pub secure: bool,
}
