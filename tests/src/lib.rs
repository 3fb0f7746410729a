//! Everything that needs more than one crate: a bot that speaks WebRTC, a network on virtual time, the world that joins them.
//!
//! **Entry rule.** Nothing depends on this package. The bot and the network are pure; only binaries open sockets.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "test code: a crash here is a failed test, which is what it should be"
)]

pub mod bot;
pub mod fuzz;
pub mod growth;
pub mod heap;
pub mod kilobytes;
pub mod measure;
pub mod meeting;
pub mod netem;
pub mod participant;
pub mod peers;
pub mod stream;
pub mod world;
