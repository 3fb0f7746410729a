//! What was found out, kept in a file: probing takes some seconds, and an encoder that has hung must not hang again at each start.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::choose::{Trial, Verdict};
use crate::failure::Failure;
use crate::machine::{Machine, System};

/// Of the file, and of how encoders are tried: results of another version are not comparable.
const VERSION: u32 = 1;
/// No file that was written here is nearly as large.
const MAX_BYTES: u64 = 1 << 20;

/// The file. Whatever is wrong with it, it counts as empty: then everything is found out anew.
#[derive(Debug)]
pub(crate) struct Memory {
    path: Option<PathBuf>,
    contents: Contents,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Contents {
    version: u32,
    /// Of the machine as it was then.
    results: Option<Results>,
    health: Health,
}

#[derive(Debug, Serialize, Deserialize)]
struct Results {
    machine: Machine,
    trials: Vec<Trial>,
}

/// Encoders that have hung on a system. Another kernel, driver or GStreamer may have cured them.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Health {
    system: Option<System>,
    hung: BTreeMap<String, Failure>,
    /// This one was being tried when the file was written. If it is still there at the next start, the trial ended the program
    /// or the machine.
    trying: Option<String>,
}

impl Memory {
    pub(crate) fn load(path: Option<&Path>, system: &System) -> Self {
        let contents = path.and_then(|path| read(path).ok()).filter(|contents| contents.version == VERSION);
        let mut memory = Self { path: path.map(Path::to_owned), contents: contents.unwrap_or_default() };
        memory.contents.version = VERSION;
        let health = &mut memory.contents.health;
        if health.system.as_ref() != Some(system) {
            *health = Health { system: Some(system.clone()), ..Health::default() };
        }
        if let Some(encoder) = health.trying.take() {
            health.hung.insert(encoder, Failure::Fatal);
        }
        memory
    }

    /// Everything is tried anew.
    pub(crate) fn forget(&mut self) {
        self.contents.results = None;
        self.contents.health.hung.clear();
    }

    /// How an encoder has hung on this system.
    pub(crate) fn hung(&self, encoder: &str) -> Option<&Failure> {
        self.contents.health.hung.get(encoder)
    }

    /// What was found out on this machine. What has hung since is not good any more.
    pub(crate) fn trials(&self, machine: &Machine) -> Option<Vec<Trial>> {
        let results = self.contents.results.as_ref().filter(|results| results.machine == *machine)?;
        let now = |trial: &Trial| match (&trial.verdict, self.hung(&trial.encoder.element)) {
            (Verdict::Good(_), Some(failure)) => {
                Trial { encoder: trial.encoder.clone(), verdict: Verdict::Skipped(failure.clone()), rungs: Vec::new() }
            }
            _ => trial.clone(),
        };
        Some(results.trials.iter().map(now).collect())
    }

    /// Hardware is about to be tried.
    pub(crate) fn begin(&mut self, encoder: &str) {
        self.contents.health.trying = Some(encoder.to_owned());
        self.write();
    }

    /// The trial is over, and the program still runs.
    pub(crate) fn end(&mut self, encoder: &str, failure: Option<&Failure>) {
        self.contents.health.trying = None;
        if let Some(failure) = failure.filter(|failure| failure.is_hang()) {
            self.contents.health.hung.insert(encoder.to_owned(), failure.clone());
        }
        self.write();
    }

    pub(crate) fn keep(&mut self, machine: &Machine, trials: &[Trial]) {
        self.contents.results = Some(Results { machine: machine.clone(), trials: trials.to_vec() });
        self.write();
    }

    /// Without the file everything works, only slower.
    fn write(&self) {
        let Some(path) = &self.path else { return };
        if let Err(error) = write(path, &self.contents) {
            tracing::warn!(path = %path.display(), %error, "results of the encoder probe cannot be kept");
        }
    }
}

fn read(path: &Path) -> io::Result<Contents> {
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

/// Whole or not at all, whenever the plug is pulled.
fn write(path: &Path, contents: &Contents) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = File::create(&draft).and_then(|mut file| {
        file.write_all(&serde_json::to_vec_pretty(contents)?)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&draft);
        return written;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::Encoder;

    fn machine() -> Machine {
        Machine {
            system: System {
                kernel: "6.12.47-v8".to_owned(),
                drivers: vec!["bcm2835-codec 6.12.47".to_owned()],
                gstreamer: "1.22.0.0".to_owned(),
            },
            processor: "Raspberry Pi 4 Model B Rev 1.5".to_owned(),
            processors: 4,
            encoders: vec!["v4l2h264enc 1.22.0".to_owned()],
        }
    }

    fn trials() -> Vec<Trial> {
        let encoder = Encoder::named("v4l2h264enc").unwrap();
        vec![Trial { encoder, verdict: Verdict::Failed(Failure::NoForcedKeyFrame), rungs: Vec::new() }]
    }

    /// A file that does not exist yet.
    fn file(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("encoder-probe-{name}-{}.json", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    fn load(path: &Path, machine: &Machine) -> Memory {
        Memory::load(Some(path), &machine.system)
    }

    #[test]
    fn results_hold_until_the_machine_changes() {
        let path = file("results");
        load(&path, &machine()).keep(&machine(), &trials());
        assert_eq!(load(&path, &machine()).trials(&machine()), Some(trials()));
        let changes: [fn(&mut Machine); 5] = [
            |machine| machine.system.kernel.push('x'),
            |machine| machine.system.drivers.clear(),
            |machine| machine.system.gstreamer.push('x'),
            |machine| machine.processors = 2,
            |machine| machine.encoders.push("x264enc 1.22.0".to_owned()),
        ];
        for change in changes {
            let mut other = machine();
            change(&mut other);
            assert_eq!(load(&path, &other).trials(&other), None, "{other:?}");
        }
        let mut memory = load(&path, &machine());
        memory.forget();
        assert_eq!(memory.trials(&machine()), None);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_is_broken_counts_as_empty_and_is_replaced() {
        let path = file("broken");
        let newer = format!("{{\"version\": {}, \"results\": null, \"health\": {{}}}}", VERSION + 1);
        for broken in ["", "{", "[]", "\u{0}\u{0}", newer.as_str()] {
            fs::write(&path, broken).unwrap();
            let mut memory = load(&path, &machine());
            assert_eq!(memory.trials(&machine()), None, "{broken}");
            memory.keep(&machine(), &trials());
            assert_eq!(load(&path, &machine()).trials(&machine()), Some(trials()));
        }
        fs::write(&path, [0xff; 64]).unwrap();
        assert_eq!(load(&path, &machine()).trials(&machine()), None);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn an_encoder_that_hung_is_remembered_until_the_system_changes() {
        let path = file("hung");
        let mut memory = load(&path, &machine());
        memory.begin("v4l2h264enc");
        memory.end("v4l2h264enc", Some(&Failure::Stalled { after: 1 }));
        memory.end("vah264enc", Some(&Failure::NoForcedKeyFrame));
        let memory = load(&path, &machine());
        assert_eq!(memory.hung("v4l2h264enc"), Some(&Failure::Stalled { after: 1 }));
        assert_eq!(memory.hung("vah264enc"), None, "it did not hang, it was only bad");
        let mut more = machine();
        more.encoders.push("x264enc 1.22.0".to_owned());
        assert!(load(&path, &more).hung("v4l2h264enc").is_some(), "another package cures no driver");
        let mut updated = machine();
        updated.system.kernel = "6.12.48-v8".to_owned();
        assert_eq!(load(&path, &updated).hung("v4l2h264enc"), None);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn an_encoder_that_took_the_program_with_it_is_not_tried_again() {
        let path = file("fatal");
        load(&path, &machine()).begin("v4l2h264enc");
        assert_eq!(load(&path, &machine()).hung("v4l2h264enc"), Some(&Failure::Fatal));
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn without_a_place_to_write_everything_works() {
        let nowhere = Path::new("/no/such/folder/probe.json");
        let mut memory = load(nowhere, &machine());
        memory.keep(&machine(), &trials());
        assert_eq!(memory.trials(&machine()), Some(trials()));
    }
}
