//! The Unix sockets on which a running host and a running supervisor say how they are. Whoever connects to a host gets one line of JSON;
//! a supervisor is asked by one.

use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::host::state_dir;

/// What a socket is called, and who may use it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) mode: u32,
}

/// The host's, for its own user alone.
pub(crate) const HOST: Place = Place { name: "host.sock", mode: 0o600 };
/// Where a packaged host runs, as people who log in later find it.
const SYSTEM: [&str; 2] = ["/run/moothall", "/var/lib/moothall/host"];
/// Longer than the host itself waits for its parts.
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_ANSWER: u64 = 256 * 1024;

/// Folders in which the socket of a host may be, in the order in which they are looked at.
pub(crate) fn folders(state_dir: Option<&Path>) -> Vec<PathBuf> {
    match state_dir {
        Some(dir) => own_folder(Some(dir)).into_iter().chain([dir.to_owned()]).collect(),
        None => own_folder(None).into_iter().chain(SYSTEM.map(PathBuf::from)).chain(state_dir::usual()).collect(),
    }
}

/// Where a host opens its socket: systemd's runtime directory, the state directory that it was given, the user's runtime
/// directory, the usual state directory.
pub(crate) fn own_folder(state_dir: Option<&Path>) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("RUNTIME_DIRECTORY")
        .or_else(|| state_dir.map(Path::to_owned))
        .or_else(|| absolute("XDG_RUNTIME_DIR").map(|dir| dir.join("moothall")))
        .or_else(state_dir::usual)
}

/// A listening socket; its file goes with it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) listener: UnixListener,
    file: File,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    inode: u64,
}

impl Drop for File {
    fn drop(&mut self) {
        // A successor may have put its own there.
        if fs::metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Opened {
    /// A file that nobody listens to is replaced.
    pub(crate) fn at(folder: &Path, place: Place) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = folder.join(place.name);
        if connect(&path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            fs::remove_file(&path)?;
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(place.mode))?;
        listener.set_nonblocking(true)?;
        let inode = fs::metadata(&path)?.ino();
        Ok(Self { listener, file: File { path, inode } })
    }

    /// The listener, and what to keep as long as it listens.
    pub(crate) fn split(self) -> (UnixListener, impl Drop) {
        (self.listener, self.file)
    }
}

/// What the host said that answers in one of these folders.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Said(String),
    /// There is one, and it is not for us or does not answer.
    Silent(String),
    /// Nobody is there.
    Nobody,
}

/// Asks the first host that there is.
pub(crate) fn ask(folders: &[PathBuf]) -> Answer {
    let mut silent = None;
    for path in folders.iter().map(|folder| folder.join(HOST.name)) {
        match read(&path) {
            Ok(said) => return Answer::Said(said),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {}
            Err(error) => silent = silent.or(Some(format!("{}: {error}", path.display()))),
        }
    }
    silent.map_or(Answer::Nobody, Answer::Silent)
}

/// A host that hangs lets callers in until they are too many; then they would wait.
fn connect(path: &Path) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(OwnedFd::from(socket).into())
}

fn read(path: &Path) -> io::Result<String> {
    listen_to(connect(path)?)
}

/// The answer to a line.
pub(crate) fn inquire(path: &Path, line: &str) -> io::Result<String> {
    let mut stream = connect(path)?;
    stream.write_all(line.as_bytes())?;
    listen_to(stream)
}

fn listen_to(stream: UnixStream) -> io::Result<String> {
    let mut said = String::new();
    stream.take(MAX_ANSWER).read_to_string(&mut said)?;
    if said.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_finds_the_host_that_listens_and_no_file_that_was_left_behind() {
        let dir = crate::host::test_dir("socket");
        assert_eq!(ask(std::slice::from_ref(&dir)), Answer::Nobody);
        fs::create_dir_all(&dir).unwrap();
        drop(UnixListener::bind(dir.join(HOST.name)).unwrap());
        assert_eq!(ask(std::slice::from_ref(&dir)), Answer::Nobody);
        let opened = Opened::at(&dir, HOST).unwrap();
        assert_eq!(fs::metadata(dir.join(HOST.name)).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Opened::at(&dir, HOST).is_err(), "the first one stays");
        let (listener, file) = opened.split();
        listener.set_nonblocking(false).unwrap();
        let answering = std::thread::spawn(move || {
            // The second host looked as well.
            let _ = listener.accept().unwrap();
            listener.accept().unwrap().0.write_all(b"{}").unwrap();
            let _ = listener.accept().unwrap();
        });
        assert_eq!(ask(&["/nonexistent".into(), dir.clone()]), Answer::Said("{}".to_owned()));
        assert!(matches!(ask(std::slice::from_ref(&dir)), Answer::Silent(_)));
        answering.join().unwrap();
        drop(file);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    }
}
