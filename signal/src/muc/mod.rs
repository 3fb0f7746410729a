//! Multi-user rooms.

pub mod affiliation;

pub use affiliation::{Affiliation, Role};
