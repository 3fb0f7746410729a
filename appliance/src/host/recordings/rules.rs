//! What the configuration says of recordings, as the recorder takes it.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use board_config::{Recorder, RecordingName};
use tokio::process::Command;
use tokio::time::{MissedTickBehavior, interval};

/// How often what is too old is looked for.
const TIDY_EVERY: Duration = Duration::from_secs(6 * 3600);
const MB: u64 = 1_000_000;

/// What is needed only when a recording has ended is better missed now.
pub(super) fn look_for_files(config: &Recorder) {
    let (script, secret) = (&config.finalize_script, &config.webhook_secret_file);
    let named = [("recorder.finalize_script", script), ("recorder.webhook_secret_file", secret)];
    for (key, file) in named.into_iter().filter_map(|(key, file)| Some((key, file.as_ref()?))) {
        if let Err(error) = file.metadata() {
            tracing::warn!(%error, file = %file.display(), "`{key}` cannot be found; make the file, or recordings end without it");
        }
    }
}

/// Arguments of the recorder's commands.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) name: RecordingName,
    /// Of `record` and `tidy`.
    keep: Vec<OsString>,
    /// Of `finalize`; nothing if nothing is to be done.
    finalize: Vec<OsString>,
    ages: bool,
    is_bounded: bool,
}

impl Rules {
    /// `site`: the address of the page, where it is known.
    pub(super) fn new(config: &Recorder, site: Option<&str>) -> Self {
        let mut keep: Vec<OsString> = vec!["--min-free".into(), megabytes(config.min_free.bytes()).into()];
        if let Some(quota) = config.quota {
            keep.extend(["--quota".into(), megabytes(quota.bytes()).into()]);
        }
        if let Some(days) = config.keep_days {
            keep.extend(["--keep-days".into(), days.to_string().into()]);
        }
        if config.delete_oldest {
            keep.push("--delete-oldest".into());
        }
        let mut finalize: Vec<OsString> = Vec::new();
        if let Some(script) = &config.finalize_script {
            finalize.extend(["--script".into(), script.into()]);
        }
        if let (Some(url), Some(secret)) = (&config.webhook_url, &config.webhook_secret_file) {
            finalize.extend(["--webhook".into(), url.into(), "--webhook-secret".into(), secret.into()]);
        }
        if let Some(site) = site.filter(|_| !finalize.is_empty()) {
            finalize.extend(["--site".into(), site.into()]);
        }
        Self {
            name: config.name.clone(),
            keep,
            finalize,
            ages: config.keep_days.is_some(),
            is_bounded: config.keep_days.is_some() || config.delete_oldest,
        }
    }

    /// The same for systemd's units.
    pub(super) fn variables(&self, directory: &Path) -> [(&'static str, Vec<String>); 4] {
        let words =
            |words: &[OsString]| words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>();
        let directory = directory.display().to_string();
        let with = |first: &[&str], rest: &[OsString]| {
            let first = first.iter().map(|&word| word.to_owned());
            first.chain(words(rest)).collect::<Vec<_>>()
        };
        let mut record = with(&["--directory", &directory], &self.keep);
        if !self.finalize.is_empty() {
            record.push("--pending".to_owned());
        }
        [
            ("MOOTHALL_RECORDINGS", vec![directory.clone()]),
            ("MOOTHALL_RECORD", record),
            ("MOOTHALL_TIDY", with(&[&directory], &self.keep)),
            ("MOOTHALL_FINALIZE", with(&[&directory], &self.finalize)),
        ]
    }

    /// Adds what `record` is told.
    pub(super) fn record(&self, command: &mut Command) {
        command.args(&self.keep);
        if !self.finalize.is_empty() {
            command.arg("--pending");
        }
    }

    /// Does what is to be done with recordings that are finished. Nothing waits for it.
    pub(super) fn finalize(&self, program: &Path, directory: &Path) {
        if self.finalize.is_empty() {
            return;
        }
        let mut command = command(program, "finalize", directory);
        command.arg("--pending").args(&self.finalize);
        tokio::spawn(async move {
            run(command, "not every finished recording could be finalized").await;
        });
    }

    /// Deletes what is not to be kept, now and later.
    pub(super) async fn tidy(self, program: &Path, directory: &Path) {
        if !self.is_bounded {
            return;
        }
        let mut ticks = interval(TIDY_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if directory.is_dir() {
                let mut command = command(program, "tidy", directory);
                command.args(&self.keep);
                run(command, "the folder of recordings could not be tidied").await;
            }
            if !self.ages {
                return;
            }
        }
    }
}

/// One of the recorder's commands for a folder.
pub(super) fn command(program: &Path, name: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(name).arg(directory).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// What it says is in the log, on standard error.
pub(super) async fn run(mut command: Command, complaint: &str) {
    match command.status().await {
        Ok(status) if status.success() => {}
        Ok(_) => tracing::warn!("{complaint}"),
        Err(error) => tracing::warn!("the recorder cannot be started: {error}"),
    }
}

fn megabytes(bytes: u64) -> String {
    (bytes / MB).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(arguments: &[OsString]) -> String {
        arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_recorder_is_told_what_the_configuration_says() {
        let rules = Rules::new(&Recorder::default(), Some("https://box.local"));
        assert_eq!((words(&rules.keep), words(&rules.finalize)), ("--min-free 524".to_owned(), String::new()));
        let config = Recorder {
            quota: Some(board_config::Bytes::new(20_000_000_000)),
            keep_days: std::num::NonZeroU32::new(30),
            delete_oldest: true,
            webhook_url: Some("https://x.example".to_owned()),
            webhook_secret_file: Some("/etc/secret".into()),
            ..Recorder::default()
        };
        let rules = Rules::new(&config, Some("https://box.local"));
        assert_eq!(words(&rules.keep), "--min-free 524 --quota 20000 --keep-days 30 --delete-oldest");
        let expected = "--webhook https://x.example --webhook-secret /etc/secret --site https://box.local";
        assert_eq!(words(&rules.finalize), expected);
    }
}
