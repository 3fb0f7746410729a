//! Who may have what was recorded: the administrator by a token, moderators by asking the focus.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use board_config::{Config, Moderators};
use signal::focus::recorder_port::{Inquiry, NotDone, RecorderReport};
use signal::shell::recordings::{self, Archive, Links, Recording, Recordings, Token, Undeleted};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::library::Library;
use super::running::Running;
use crate::exit::{Failure, Reason};

/// Bytes: more is no token.
const LONGEST: u64 = 4096;
/// Of its room, the newest are listed to a moderator.
const LISTED: usize = 50;
/// Others may read it.
const OTHERS: u32 = 0o007;

/// The recordings of this box and the links to them. Clones are the same.
#[derive(Debug, Clone)]
pub(in crate::host) struct Kept {
    pub(super) library: Arc<Library>,
    pub(super) running: Running,
    pub(super) directory: PathBuf,
    links: Links,
    moderators: Moderators,
}

/// Reads the administrator's token, if the configuration names one.
pub(in crate::host) fn token(config: &Config) -> Result<Option<Token>, Failure> {
    let Some(path) = &config.api.token_file else { return Ok(None) };
    let origin = config.origins.of("api.token_file");
    let refuse =
        |what: String| Failure::new(Reason::Config, format!("{origin}: `api.token_file`: {}: {what}", path.display()));
    read_token(path).map(Some).map_err(refuse)
}

fn read_token(path: &Path) -> Result<Token, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}; write the path of a file with one line");
    let file = fs::File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if mode & OTHERS != 0 {
        return Err("others may read or change it; take that from them with `chmod o= FILE`".to_owned());
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(unreadable)?;
    Token::parse(&text).map_err(|bad| format!("{bad}; make a new one with `openssl rand -hex 32`"))
}

impl Kept {
    /// `key` is random.
    pub(in crate::host) fn new(directory: PathBuf, moderators: Moderators, key: &[u8; 32]) -> Self {
        let running = Running::default();
        let library = Arc::new(Library::new(directory.clone(), running.clone()));
        Self { library, running, directory, links: Links::new(key), moderators }
    }

    /// For the web server.
    pub(in crate::host) fn served(&self, token: Option<Token>) -> Recordings {
        let archive: Arc<dyn Archive> = Arc::<Library>::clone(&self.library);
        Recordings { archive, links: self.links.clone(), token }
    }

    /// Takes away what an earlier host left half deleted.
    pub(super) fn tidy(&self) {
        let library = Arc::clone(&self.library);
        spawn_blocking(move || library.tidy());
    }

    /// Lists the recordings of a room for one of its moderators.
    pub(super) fn list(&self, inquiry: Inquiry, reports: mpsc::UnboundedSender<RecorderReport>) {
        let (links, moderators) = (self.links.clone(), self.moderators);
        self.answer(inquiry, reports, move |library, inquiry| {
            let mut excerpt = library.list(Some(&inquiry.room), None, LISTED).map_err(|error| on_disk(&error))?;
            excerpt.recordings.retain(|recording| may_see(moderators, inquiry, recording));
            Ok(recordings::excerpt(&excerpt, &links, SystemTime::now()).to_string())
        });
    }

    /// Deletes a recording for a moderator of its room.
    pub(super) fn delete(&self, inquiry: Inquiry, name: String, reports: mpsc::UnboundedSender<RecorderReport>) {
        let moderators = self.moderators;
        self.answer(inquiry, reports, move |library, inquiry| {
            library.find(&name).filter(|recording| may_see(moderators, inquiry, recording)).ok_or(NotDone::Unknown)?;
            library.delete(&name).map_err(|undeleted| match undeleted {
                Undeleted::Unknown => NotDone::Unknown,
                Undeleted::Running => NotDone::Running,
                Undeleted::Disk(error) => on_disk(&error),
            })?;
            tracing::info!(recording = name, "deleted by a moderator");
            Ok(String::new())
        });
    }

    fn answer(
        &self,
        inquiry: Inquiry,
        reports: mpsc::UnboundedSender<RecorderReport>,
        job: impl FnOnce(&Library, &Inquiry) -> Result<String, NotDone> + Send + 'static,
    ) {
        let library = Arc::clone(&self.library);
        spawn_blocking(move || {
            let outcome = job(&library, &inquiry);
            // Nobody hears it when the host ends.
            let _ = reports.send(RecorderReport::Inquired { inquiry, outcome });
        });
    }
}

/// What a moderator who asks may know of, and delete.
fn may_see(moderators: Moderators, inquiry: &Inquiry, recording: &Recording) -> bool {
    recording.room == inquiry.room
        && match moderators {
            Moderators::Room => true,
            Moderators::Meeting => recording.meeting == inquiry.meeting_id,
            Moderators::Nobody => false,
        }
}

fn on_disk(error: &std::io::Error) -> NotDone {
    tracing::warn!(%error, "recordings cannot be read or changed");
    NotDone::Disk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moderators_see_what_the_configuration_lets_them() {
        let inquiry = |room: &str, meeting: &str| Inquiry {
            room: room.to_owned(),
            meeting_id: meeting.to_owned(),
            nick: "ada".to_owned(),
            id: "1".to_owned(),
        };
        let recording =
            crate::host::recordings::running::Run::new("s", "garden-1", "garden", "5a1d", None).without_folder();
        let sees = |moderators, room, meeting| may_see(moderators, &inquiry(room, meeting), &recording);
        let all = |room, meeting| {
            [Moderators::Room, Moderators::Meeting, Moderators::Nobody].map(|it| sees(it, room, meeting))
        };
        assert_eq!(all("garden", "5a1d"), [true, true, false]);
        assert_eq!(all("garden", "another"), [true, false, false]);
        assert_eq!(all("kitchen", "5a1d"), [false; 3]);
    }

    #[test]
    fn a_token_that_others_may_read_is_refused_with_words() {
        let dir = crate::host::test_dir("api-token");
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("token");
        let read = |text: &str, mode: u32| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            read_token(&path).map(drop)
        };
        let line = "0123456789abcdef0123456789abcdef\n";
        assert_eq!((read(line, 0o600), read(line, 0o640)), (Ok(()), Ok(())));
        for mode in [0o644, 0o602] {
            assert!(read(line, mode).unwrap_err().starts_with("others may read or change it; "));
        }
        assert!(read("short\n", 0o600).unwrap_err().contains("less than 32 characters; make a new one"));
        fs::remove_file(&path).unwrap();
        assert!(read_token(&path).map(drop).unwrap_err().starts_with("cannot be read: No such file"));
        fs::remove_dir_all(dir).unwrap();
    }
}
