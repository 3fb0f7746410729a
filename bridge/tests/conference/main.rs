//! Whole conferences on virtual time: participants with installed keys, orders, channel messages and media.
#![allow(
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests may"
)]

mod audio;
mod bandwidth;
mod channel;
mod crowd;
mod orders;
mod practice;
mod slots;
mod tap;
mod video;
mod world;
