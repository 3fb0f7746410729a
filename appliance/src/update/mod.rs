//! `moothall update`: a signed bundle goes into the slot that does not run. What becomes of it is decided at the next start
//! (`moothall supervise`).

mod rauc;
mod tried;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::cli::UpdateOptions;
use crate::durable;
use crate::exit::{Failure, Reason};
use crate::provision::folder::Folder;
use crate::say::say;
use crate::status;
use tried::Tried;

/// What became of it, in the folder in which it lay.
pub(crate) const RESULT: &str = "update.txt";
/// How often it is looked whether people still meet.
const EVERY: Duration = Duration::from_secs(5);

/// A file that is an update by its name.
pub(crate) fn is_bundle(name: &str) -> bool {
    let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix);
    suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("raucb")) && !name.starts_with('.')
}

pub(crate) fn run(options: &UpdateOptions) -> Result<(), Failure> {
    let Some(bundle) = bundle(&options.place)? else {
        say(format_args!("there is no update (*.raucb) in {}", options.place.display()));
        return Ok(());
    };
    let tried = Tried::on_this_box();
    let mark = tried::mark(&bundle).map_err(|error| unusable(&bundle, error))?;
    if options.once && tried.has(&mark) {
        say(format_args!("{} was tried before; without --once it is tried again", bundle.display()));
        return Ok(());
    }
    let outcome = smol::block_on(rauc::install(&bundle, |done| say(format_args!("{done}"))));
    if let Err(rauc::Refused::NoRauc) = outcome {
        let sentence = "this box was not made of a disk image: its package manager updates it, such as apt";
        return Err(Failure::new(Reason::Unexpected, sentence));
    }
    if let Err(error) = tried.add(&mark) {
        tracing::warn!(%error, "it is not remembered that this update was tried");
    }
    match outcome {
        Ok(()) => {
            write_result(&bundle, "Accepted. The box starts from it next time, and keeps it if people can meet on it.");
            say(format_args!("the update is in the other slot; the next start of the box is from there"));
            if options.restart { restart() } else { Ok(()) }
        }
        Err(refused) => {
            write_result(&bundle, &format!("Refused. The box is as it was before.\n  {refused}"));
            Err(unusable(&bundle, refused))
        }
    }
}

fn unusable(bundle: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::new(Reason::File, format!("{}: {why}", bundle.display()))
}

/// The one that is meant.
fn bundle(place: &Path) -> Result<Option<PathBuf>, Failure> {
    // RAUC has another working directory.
    let place = place.canonicalize().map_err(|error| unusable(place, error))?;
    if !place.is_dir() {
        return Ok(Some(place));
    }
    let Some(folder) = Folder::config(&place).map_err(|why| Failure::new(Reason::File, why))? else { return Ok(None) };
    let mut bundles = folder.names().iter().filter(|name| is_bundle(name));
    match (bundles.next(), bundles.next()) {
        (Some(one), Some(other)) => {
            let sentence = format!("{}: there are two updates, {one} and {other}; leave one", folder.path().display());
            Err(Failure::new(Reason::File, sentence))
        }
        (one, _) => Ok(one.map(|name| folder.path().join(name))),
    }
}

/// Where it can be written to.
fn write_result(bundle: &Path, text: &str) {
    let text = format!("{}\n{text}\n", bundle.file_name().unwrap_or_default().display()).replace('\n', "\r\n");
    let result = bundle.with_file_name(RESULT);
    let in_config = bundle.parent().and_then(Path::file_name).is_some_and(|name| name.eq_ignore_ascii_case("config"));
    if in_config && let Err(error) = durable::replace(&result, text.as_bytes(), 0o644) {
        say(format_args!("cannot write {}: {error}", result.display()));
    }
}

/// Once nobody meets.
fn restart() -> Result<(), Failure> {
    say(format_args!("the box starts anew as soon as nobody meets"));
    while status::ask(None).is_ok_and(|status| status.participants > 0) {
        thread::sleep(EVERY);
    }
    smol::block_on(rauc::restart())
        .map_err(|error| Failure::new(Reason::Unexpected, format!("cannot start anew: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_update_of_a_folder_is_found_in_any_letter_case_and_only_one_is_meant() {
        let dir = crate::host::test_dir("update");
        fs::create_dir_all(dir.join("Config")).unwrap();
        assert_eq!(bundle(&dir).unwrap(), None);
        let file = dir.join("Config/Box.RAUCB");
        fs::write(&file, "x").unwrap();
        fs::write(dir.join("Config/._Box.raucb"), "x").unwrap();
        for place in [&dir, &dir.join("Config"), &file] {
            assert_eq!(bundle(place).unwrap().unwrap(), file.canonicalize().unwrap());
        }
        write_result(&file, "Accepted.");
        assert_eq!(fs::read_to_string(dir.join("Config/update.txt")).unwrap(), "Box.RAUCB\r\nAccepted.\r\n");
        fs::write(dir.join("Config/a.raucb"), "x").unwrap();
        assert!(bundle(&dir).unwrap_err().sentence.contains("there are two updates"));
        assert_eq!(bundle(&dir.join("none")).unwrap_err().reason, Reason::File);
        fs::remove_dir_all(dir).unwrap();
    }
}
