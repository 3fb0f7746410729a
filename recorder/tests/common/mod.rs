//! A bridge's side of the tap, media to send, and eyes and ears for what was recorded.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "tests may, and each uses a part"
)]

pub mod av1;
pub mod film;
pub mod media;
pub mod playback;
pub mod recorder;

use std::path::PathBuf;
use std::time::Duration;

/// Nothing in these tests takes so long.
pub const DEADLINE: Duration = Duration::from_secs(60);

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// An empty folder for one test.
pub fn folder(test: &str) -> PathBuf {
    let all = option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = all.join(format!("recorder-{test}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
