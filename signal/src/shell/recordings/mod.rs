//! Recordings over HTTP: an interface for the administrator's programs (`/api/v1`, described by `openapi.json`), and links to the
//! files of one recording for whoever was given one.
//!
//! What there is on the disk is the [`Archive`]'s business; it is asked beside the control thread. Files go out in pieces.

mod api;
mod archive;
mod attempts;
mod fault;
mod links;
mod range;
mod token;
mod view;

use std::sync::Arc;

pub(super) use self::api::{Api, serve};
pub use self::archive::{Archive, Excerpt, File, Opened, Recording, State, Track, Undeleted};
pub use self::links::Links;
pub use self::token::{BadToken, Token};
pub use self::view::excerpt;

/// What is kept of meetings, and who may have it.
#[derive(Debug, Clone)]
pub struct Recordings {
    pub archive: Arc<dyn Archive>,
    pub links: Links,
    /// `None`: only links open anything.
    pub token: Option<Token>,
}
