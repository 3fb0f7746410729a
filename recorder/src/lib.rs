//! Records a meeting: what a bridge hands over becomes one file for each source, without transcoding.
//!
//! **Purpose.** One process is one recording. [`job::Job`] is a pure state machine: frames of the tap in, frames for files out.
//! [`record`] runs it between the socket and the disk; the other functions here are the commands that deal with
//! recordings afterwards.
//!
//! **A packet's way.** `tap_source` → [`job::Job::on_frame`] → [`jitter::Jitter`] → [`depacketize`] → [`clock::Timeline`] →
//! [`mux::Muxer`] → `files`. The README beside this crate describes files, manifest and events.
//!
//! **Entry rule.** `job`, `jitter`, `clock`, `depacketize`, `mux`, `rotation`, `rtp` and `storage` read no clock, open nothing, spawn nothing.
//! GStreamer is known to `pipeline` alone.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! // With the bridge's socket as standard input.
//! let directory = "/var/lib/moothall/recordings".into();
//! let keep = recorder::Keep::default();
//! let fragment = Duration::from_secs(1);
//! let options = recorder::Options { directory, min_free: 500_000_000, keep, fragment, pending: false };
//! recorder::record(options).map_err(|failure| failure.report());
//! ```
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make their own time"))]

mod capabilities;
pub mod clock;
#[expect(clippy::disallowed_methods, reason = "files, signals, and how long it takes")]
pub mod compose;
mod dates;
pub mod depacketize;
#[expect(clippy::disallowed_methods, reason = "a thread of its own, and files")]
mod disk;
#[expect(clippy::disallowed_methods, reason = "files")]
mod durable;
pub mod events;
mod exit;
#[expect(clippy::disallowed_methods, reason = "a thread of its own")]
mod files;
#[expect(clippy::disallowed_methods, reason = "a script, a server, and the pauses between attempts")]
mod finalize;
#[expect(clippy::disallowed_methods, reason = "files")]
mod folder;
pub mod jitter;
pub mod job;
mod logs;
pub mod manifest;
pub mod mux;
pub mod pipeline;
#[expect(clippy::disallowed_methods, reason = "files")]
mod recordings;
#[expect(clippy::disallowed_methods, reason = "files")]
mod recover;
mod rotation;
pub mod rtp;
mod say;
mod session;
mod storage;
#[expect(clippy::disallowed_methods, reason = "systemd speaks by the environment")]
mod tap_source;
#[expect(clippy::disallowed_methods, reason = "files, and their age")]
mod tidy;
#[expect(clippy::disallowed_methods, reason = "the clock comes in here")]
mod wake;

pub use capabilities::capabilities;
pub use compose::compose;
pub use exit::{Failure, Reason};
pub use finalize::{Finalize, Webhook, finalize, finalize_pending};
pub use logs::start as start_log;
pub use recordings::{export, list, play_check, show};
pub use recover::recover;
pub use rotation::Keep;
pub use session::{Options, record};
pub use tidy::tidy;
