//! What can be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use recorder::compose::{self, Format, Size, View};
use recorder::{Failure, Finalize, Keep, Webhook};

const MB: u64 = 1_000_000;
const DAY: Duration = Duration::from_secs(86_400);

/// Records meetings to files, without transcoding.
#[derive(Debug, Parser)]
#[command(name = "moothall-recorder", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Record what comes from a bridge on standard input, or on the socket that systemd accepted, until it ends.
    Record(RecordOptions),
    /// Say what this machine can encode, and what it would choose, with the reason. Tries each encoder once, and remembers.
    Capabilities(CapabilitiesOptions),
    /// List the recordings of a directory.
    List(Directory),
    /// Close recordings whose recorder died. Those that are being recorded are left alone.
    Recover(Directory),
    /// Delete recordings that are not to be kept.
    Tidy(TidyOptions),
    /// Do what is to be done with a recording that is finished: call a script, tell a server.
    Finalize(FinalizeOptions),
    /// Say what a recording has.
    Show(Recording),
    /// Decode all of a recording and say whether it plays.
    PlayCheck(Recording),
    /// Put all of a recording into one Matroska file, without transcoding.
    Export {
        /// Its folder.
        recording: PathBuf,
        /// The new file [default: RECORDING.mkv].
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Make a film of a recording: one picture of all people, and one sound.
    Compose(ComposeOptions),
}

#[derive(Debug, Args)]
pub(crate) struct ComposeOptions {
    /// Its folder.
    pub(crate) recording: PathBuf,
    /// The new file [default: composed.mp4 or composed.webm in the folder of the recording, where the page finds it].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Who speaks is large, or all are of the same size. A screen that is shared is large in both.
    #[arg(long, default_value = "speaker", value_parser = ["speaker", "gallery"])]
    layout: String,
    /// mp4: H.264 and AAC. webm: VP8 and Opus. webm-vp9: VP9 and Opus [default: as the file is called, else mp4].
    #[arg(long, value_parser = ["mp4", "webm", "webm-vp9"])]
    format: Option<String>,
    /// Width and height of the picture [default: 1280x720, or less where the encoder does not keep up with that].
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Option<Size>,
    /// Pictures a second.
    #[arg(long, default_value_t = compose::FPS, value_parser = clap::value_parser!(u32).range(1..=60))]
    fps: u32,
    /// Kilobits a second of the picture [default: what suits its size].
    #[arg(long, value_name = "KBITS", value_parser = clap::value_parser!(u32).range(100..=50_000))]
    bitrate: Option<u32>,
    /// Where is kept which encoders there are [default: in the user's cache].
    #[arg(long, value_name = "FILE")]
    cache: Option<PathBuf>,
    /// Progress as lines of JSON on standard output.
    #[arg(long)]
    json: bool,
}

impl ComposeOptions {
    pub(crate) fn options(&self) -> compose::Options {
        compose::Options {
            view: if self.layout == "gallery" { View::Gallery } else { View::Speaker },
            format: self.format.as_deref().map(|format| match format {
                "webm" => Format::WebM,
                "webm-vp9" => Format::WebMVp9,
                _ => Format::Mp4,
            }),
            output: self.output.clone(),
            size: self.size,
            fps: Some(self.fps),
            bitrate: self.bitrate.map(|kbits| kbits.saturating_mul(1000)),
            cache: self.cache.clone(),
            json: self.json,
        }
    }
}

/// `1280x720`.
fn size(text: &str) -> Result<Size, String> {
    let parsed = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    let (width, height): (u32, u32) = parsed.ok_or("it is width, x, height, as in 1280x720")?;
    let fits = (160..=3840).contains(&width) && (90..=3840).contains(&height) && (width | height) % 2 == 0;
    if fits {
        Ok(Size { width, height })
    } else {
        Err("width and height are even, from 160x90 to 3840x3840".to_owned())
    }
}

#[derive(Debug, Args)]
pub(crate) struct CapabilitiesOptions {
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Try all anew, those that failed before as well.
    #[arg(long)]
    pub(crate) again: bool,
    /// Where what was found is kept [default: not at all].
    #[arg(long, value_name = "FILE")]
    pub(crate) cache: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Directory {
    /// Where recordings are.
    pub(crate) directory: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Recording {
    /// Its folder.
    pub(crate) recording: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RecordOptions {
    /// Where recordings are: each gets a folder of its own.
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) keep: KeepOptions,
    /// Length in milliseconds of the pieces in which files are written. A crash takes what was not written yet.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(100..=10_000))]
    fragment: u64,
    /// Mark the recording: `finalize --pending` finds it.
    #[arg(long)]
    pub(crate) pending: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TidyOptions {
    /// Where recordings are.
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) keep: KeepOptions,
}

#[derive(Debug, Args)]
pub(crate) struct FinalizeOptions {
    /// Folder of the recording; with --pending the directory of all recordings.
    pub(crate) path: PathBuf,
    /// All recordings of the directory that wait for it.
    #[arg(long)]
    pub(crate) pending: bool,
    /// Called with the folder as its only argument, as Jibri calls it.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Address that is told with a POST request, signed as Standard Webhooks says.
    #[arg(long, value_name = "URL", requires = "webhook_secret")]
    webhook: Option<String>,
    /// File with the secret that it is signed with.
    #[arg(long, value_name = "FILE", requires = "webhook")]
    webhook_secret: Option<PathBuf>,
    /// Address of the site where meetings are, for the address of the meeting.
    #[arg(long, value_name = "URL")]
    site: Option<String>,
}

impl FinalizeOptions {
    pub(crate) fn what(&self) -> Result<Finalize, Failure> {
        let webhook = self.webhook.clone().zip(self.webhook_secret.as_deref());
        let webhook = webhook.map(|(url, secret)| Webhook::new(url, secret)).transpose()?;
        Ok(Finalize { script: self.script.clone(), webhook, site: self.site.clone() })
    }
}

#[derive(Debug, Args)]
pub(crate) struct KeepOptions {
    /// Megabytes that remain free: before the disk has less, a recording ends.
    #[arg(long, value_name = "MB", default_value_t = 500)]
    min_free: u64,
    /// Megabytes that all recordings may take together [default: as many as the disk has]
    #[arg(long, value_name = "MB")]
    quota: Option<u64>,
    /// Days after which a recording is deleted [default: never]
    #[arg(long, value_name = "DAYS")]
    keep_days: Option<u32>,
    /// Where there is no room, the oldest recordings are deleted.
    #[arg(long)]
    delete_oldest: bool,
}

impl KeepOptions {
    /// In bytes.
    pub(crate) fn min_free(&self) -> u64 {
        self.min_free.saturating_mul(MB)
    }

    pub(crate) fn keep(&self) -> Keep {
        Keep {
            quota: self.quota.map(|megabytes| megabytes.saturating_mul(MB)),
            age: self.keep_days.map(|days| DAY * days),
            oldest_goes: self.delete_oldest,
        }
    }
}

impl RecordOptions {
    pub(crate) fn fragment(&self) -> Duration {
        Duration::from_millis(self.fragment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
