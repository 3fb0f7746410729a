//! A running host, for tests of the built command.
#![allow(dead_code, reason = "not every test uses everything")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) fn moothall() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moothall"));
    command
        .env_remove("NOTIFY_SOCKET")
        .env_remove("XDG_STATE_HOME")
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("RUNTIME_DIRECTORY");
    command
}

/// A directory of this test alone, empty.
pub(crate) fn dir(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("moothall-host-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

pub(crate) fn host(state: &Path) -> Command {
    let mut command = moothall();
    command.args(["host", "--listen", "127.0.0.1:0", "--media-port", "0", "--state-dir"]).arg(state);
    command
}

/// A running host on loopback, killed when dropped.
pub(crate) struct Host {
    pub(crate) child: Child,
    lines: BufReader<std::process::ChildStdout>,
    pub(crate) said: String,
}

impl Host {
    pub(crate) fn start(command: Command) -> Self {
        Self::begin(command).started()
    }

    pub(crate) fn begin(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines, said: String::new() }
    }

    pub(crate) fn started(mut self) -> Self {
        while !self.said.contains("Ctrl-C") {
            assert_ne!(self.lines.read_line(&mut self.said).unwrap(), 0, "it ended after saying: {}", self.said);
        }
        self
    }

    pub(crate) fn port(&self) -> u16 {
        let url = self.said.lines().find_map(|line| line.trim().strip_prefix("https://localhost:"));
        let url = url.or_else(|| self.said.lines().find_map(|line| line.trim().strip_prefix("http://127.0.0.1:")));
        url.unwrap().trim_end_matches('/').parse().unwrap()
    }

    pub(crate) fn terminate(&mut self) -> (Option<i32>, Duration) {
        let started = Instant::now();
        let kill = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let status = self.child.wait().unwrap();
        (status.code(), started.elapsed())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.lines.read_to_string(&mut self.said);
    }
}
