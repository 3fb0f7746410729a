//! Tells systemd how we are (sd_notify(3)): one datagram to the socket that it names.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service manager, if one started us and wants to know.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    socket: Option<OsString>,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    pub(crate) fn from_environment() -> Self {
        let micros = std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok());
        let ours = std::env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        Self { socket: std::env::var_os("NOTIFY_SOCKET"), watchdog: micros.filter(|_| ours).map(Duration::from_micros) }
    }

    /// How often to say [`Self::alive`]: half of what the manager allows.
    pub(crate) fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog.map(|limit| limit / 2)
    }

    /// `doing` is for people.
    pub(crate) fn ready(&self, doing: &str) {
        self.say(&format!("READY=1\nSTATUS={doing}"));
    }

    pub(crate) fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    pub(crate) fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=Ending meetings");
    }

    fn say(&self, state: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = send(socket, state) {
            tracing::warn!(%error, "systemd cannot be told");
        }
    }
}

/// A name that begins with `@` is in the abstract namespace.
fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_is_told_by_path_and_by_abstract_name() {
        let path = crate::host::test_dir("notify");
        std::fs::create_dir_all(&path).unwrap();
        let file = path.join("socket");
        let name = format!("moothall-test-{}", std::process::id());
        let abstract_address = SocketAddr::from_abstract_name(&name).unwrap();
        let sockets = [
            (UnixDatagram::bind(&file).unwrap(), file.into_os_string()),
            (UnixDatagram::bind_addr(&abstract_address).unwrap(), format!("@{name}").into()),
        ];
        for (socket, name) in sockets {
            let manager = ServiceManager { socket: Some(name), watchdog: Some(Duration::from_secs(10)) };
            manager.ready("Hosting meetings");
            manager.alive();
            manager.stopping();
            let mut buffer = [0; 100];
            for expected in ["READY=1\nSTATUS=Hosting meetings", "WATCHDOG=1", "STOPPING=1\nSTATUS=Ending meetings"] {
                let len = socket.recv(&mut buffer).unwrap();
                assert_eq!(std::str::from_utf8(&buffer[..len]).unwrap(), expected);
            }
            assert_eq!(manager.watchdog_interval(), Some(Duration::from_secs(5)));
        }
    }
}
