//! What a machine can encode, proven by a trial run.
//!
//! A recording that shows everybody needs an H.264 encoder. Which one works cannot be read off a board's name: drivers register
//! encoders that stop after the first picture, give no key frame when asked, or fail after an update. So this library looks at
//! the video devices, takes the encoders that GStreamer has, makes each one work for a second, measures how large a picture it
//! keeps up with, and chooses, with a reason that can be shown to people. What it found out is kept until the kernel, a driver,
//! GStreamer or the processor changes.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use encoder_probe::{Options, probe};
//!
//! let cache = std::path::Path::new("/var/cache/moothall/encoders.json");
//! let capabilities = probe(&Options { cache: Some(cache), ..Options::default() })?;
//! println!("{capabilities}"); // or serde_json::to_string_pretty(&capabilities)
//! if let Some(choice) = capabilities.selection.first() {
//!     let stage = choice.encoder.build(&choice.settings())?;
//!     // stage.bin() goes into a pipeline; a Watchdog beside it notices when it stops: then comes
//!     let next = capabilities.selection.after(&choice.encoder.element);
//!     // and `capabilities.remember_stall(cache, choice)` keeps the next recording away from it.
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The way of a probe: [`devices()`] and [`elements()`] look, [`dry_run()`] tries, [`benchmark()`] measures, [`choose()`] decides; each can be
//! called alone. What touches an encoder runs on a thread of its own and is left behind when it hangs.
//!
//! **No hardware encoder has been tried with this yet.** The tests register an element under the name `v4l2h264enc` that wraps a
//! software encoder and can be told to fail in the ways that are known of Raspberry Pi 4 (stops without an error, wrong level,
//! no key frame on demand). The settings of the real `v4l2h264enc`, of VA-API and of the vendors' elements follow their
//! documentation and wait for a board.
//!
//! An encoder in a driver can crash the program that tries it. It is remembered before it is tried, so that the next start
//! leaves it alone; the program itself must be one whose end hurts nobody.
//!
//! Entry rule of this crate: what a machine can encode or decode, and how an encoder is set. What is done with the pictures lives
//! with those who do it.

mod benchmark;
mod bounded;
mod capabilities;
mod choose;
mod devices;
mod dry_run;
mod elements;
mod encoder;
mod failure;
mod h264;
mod level;
mod machine;
mod memory;
mod pattern;
mod probe;
mod run;
mod watchdog;

pub use benchmark::{LADDER, Rung, benchmark, headroom, sustains};
pub use capabilities::Capabilities;
pub use choose::{Choice, Selection, Trial, Verdict, choose};
pub use devices::{Control, Device, Driver, PixelFormat, Role, Sizes, devices};
pub use dry_run::{Measured, PROOF, STEADY, TRIAL, dry_run};
pub use elements::{Element, Plugin, Purpose, elements};
pub use encoder::{BuildError, Encoder, Family, Profile, Settings, Stage};
pub use failure::Failure;
pub use h264::Sps;
pub use level::{Format, Level};
pub use machine::{Machine, System};
pub use probe::{Options, ProbeError, probe};
pub use run::Limits;
pub use watchdog::{INPUTS, PATIENCE, Watchdog};
