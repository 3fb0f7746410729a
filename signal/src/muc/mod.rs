//! Rooms: occupants, their roles and presences, messages between them, the room's configuration (XEP-0045 as Jitsi's
//! clients use it).

mod rights;

pub use rights::{Affiliation, Role};
