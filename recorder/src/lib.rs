//! Records a meeting: what a bridge hands over becomes one file for each source, without transcoding.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make their own time"))]

mod capabilities;
pub mod clock;
mod dates;
pub mod depacketize;
#[expect(clippy::disallowed_methods, reason = "a thread of its own, and files")]
mod disk;
#[expect(clippy::disallowed_methods, reason = "files")]
mod durable;
pub mod events;
mod exit;
#[expect(clippy::disallowed_methods, reason = "files")]
mod folder;
pub mod jitter;
pub mod job;
mod logs;
pub mod manifest;
pub mod pipeline;
#[expect(clippy::disallowed_methods, reason = "files")]
mod recordings;
#[expect(clippy::disallowed_methods, reason = "files")]
mod recover;
pub mod rtp;
mod say;
mod session;
mod storage;
#[expect(clippy::disallowed_methods, reason = "systemd speaks by the environment")]
mod tap_source;

pub use capabilities::capabilities;
pub use exit::{Failure, Reason};
pub use logs::start as start_log;
pub use recordings::{export, list, play_check, show};
pub use recover::recover;
pub use session::{Options, record};
