//! What forwarding costs here and elsewhere: one load generator, several servers, one run on one machine.
//!
//! [`session`] starts a server and brings people into it, [`drive`] moves their media and counts, [`report`] and [`plot`] tell.

pub mod client;
pub mod cost;
pub mod drive;
pub mod figures;
pub mod floor;
pub mod janus;
pub mod media;
pub mod moothall;
pub mod plot;
pub mod report;
pub mod scene;
pub mod sdp;
pub mod session;
pub mod stamp;
