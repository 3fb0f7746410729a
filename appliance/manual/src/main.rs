//! Man pages and shell completions of the command `moothall`, made from the definition of its command line.
//!
//! `manual FOLDER` writes them as they lie in `/usr/share`. A package of its own: the command does not carry what is needed
//! once, and whoever builds a package builds nothing else of the box for it.

#[path = "../../src/cli.rs"]
#[expect(dead_code, reason = "only the definition is of interest here, not what was typed")]
mod cli;

use std::fs;
use std::io;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell;

/// Where a shell looks for completions, below `/usr/share`.
const COMPLETIONS: &[(Shell, &str)] = &[
    (Shell::Bash, "bash-completion/completions/moothall"),
    (Shell::Zsh, "zsh/vendor-completions/_moothall"),
    (Shell::Fish, "fish/vendor_completions.d/moothall.fish"),
];

/// Ends the page of `moothall host`: what its options do not say.
const HOST: &str = r"
.SH SIGNALS
SIGTERM and SIGINT end all meetings and then the command, within two seconds.
.SH FILES
.TP
\fI/etc/moothall/moothall.toml\fR
The configuration of the service \fBmoothall\-host.service\fR. \fBmoothall config sample\fR prints every key with its meaning.
.TP
\fI/var/lib/moothall/site.toml\fR
What \fBmoothall config import\fR took over. It wins over the file above, key by key.
.TP
\fI/var/lib/moothall/host\fR
Where the service keeps what must outlive a restart, such as its certificate.
";

/// Ends the page of `moothall doctor`.
const DOCTOR: &str = r"
.SH CHECKS
.TP
\fBhost\fR
Does it run, and do all its parts answer?
.TP
\fBpage\fR
Does the page answer at each address that people are told?
.TP
\fBcertificate\fR
What do browsers think of it: dates, names, who vouches for it?
.TP
\fBcall\fR
At each address for audio and video: two guests join a room of their own, and each has to hear the other. At a public address a failure
is a warning only, because many routers do not let a box call itself. A firewall that stops others alone is not noticed.
.TP
\fBclock\fR, \fBdisk\fR, \fBmemory\fR, \fBpower\fR, \fBdevices\fR
Time and who sets it, free space and memory, under-voltage where the board measures it, cameras and sound cards.
.PP
A check is \fBgood\fR, a \fBwarning\fR (people meet, not all of them as they should, or it will not last) or \fBbad\fR (people cannot
meet). It takes half a minute at most, and meetings go on meanwhile. With \fB\-\-essential\fR only \fBhost\fR, \fBpage\fR and
\fBcall\fR count.
";

/// Ends the page of `moothall supervise`.
const SUPERVISE: &str = r"
.SH WHAT IT DOES
It gives every service of the box the memory that the board has for it (\fBmoothall config board\fR), and the hardware's watchdog a
time that the board can wait. \fBmoothall status\fR, as root, shows the services with what they take and how often they were started
again.
.PP
On a disk image it also judges updates: after each start the box calls itself as \fBmoothall doctor \-\-essential\fR does. If two guests
hear each other, the boot loader is told that this slot is good. If not, after five attempts a slot that was never good is left for the
one before, and \fBmoothall status\fR says why.
.SH FILES
.TP
\fI/run/moothall\-supervise/supervise.sock\fR
Where it is asked, by root and by the host.
.TP
\fI/data/update\-failed.txt\fR
On a disk image: the last update that was taken back, and why.
";

/// Ends every page.
const EXIT_STATUS: &str = r"
.SH EXIT STATUS
.TP
\fB0\fR
Ended as asked.
.TP
\fB1\fR
Something that nobody thought of.
.TP
\fB2\fR
Wrong command line.
.TP
\fB3\fR
The configuration is refused.
.TP
\fB4\fR
A port is occupied or not permitted, or its address is not of this machine.
.TP
\fB5\fR
The state directory cannot be used.
.TP
\fB6\fR
The certificate cannot be used.
.TP
\fB7\fR
\fBstatus\fR: the host is not well. \fBdoctor\fR: something is bad. \fBfactory\-reset\fR: the host is running.
.TP
\fB8\fR
\fBstatus\fR and \fBdoctor\fR: no host is running.
.TP
\fB9\fR
A file or folder that was named cannot be used.
";

fn main() -> io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "usage: manual FOLDER"));
    };
    write(Path::new(&folder))
}

fn write(share: &Path) -> io::Result<()> {
    let mut command = cli::Cli::command().disable_help_subcommand(true);
    command.build();
    let pages = share.join("man/man1");
    fs::create_dir_all(&pages)?;
    write_pages(&command, &pages)?;
    for (shell, file) in COMPLETIONS {
        let path = share.join(file);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        let mut text = Vec::new();
        clap_complete::generate(*shell, &mut command, "moothall", &mut text);
        fs::write(path, text)?;
    }
    Ok(())
}

/// The page of a command, and those of its subcommands.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).manual("Moothall").render(&mut page)?;
    match name {
        "moothall-host" => page.extend_from_slice(HOST.as_bytes()),
        "moothall-supervise" => page.extend_from_slice(SUPERVISE.as_bytes()),
        "moothall-doctor" => page.extend_from_slice(DOCTOR.as_bytes()),
        _ => {}
    }
    page.extend_from_slice(EXIT_STATUS.as_bytes());
    fs::write(folder.join(format!("{name}.1")), page)?;
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .try_for_each(|command| write_pages(command, folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_has_a_page_and_every_shell_its_completion() {
        let folder = std::env::temp_dir().join(format!("moothall-manual-{}", std::process::id()));
        write(&folder).unwrap();
        let read = |path: &str| fs::read_to_string(folder.join(path)).unwrap();
        for page in ["moothall", "moothall-host", "moothall-status", "moothall-config", "moothall-config-check"] {
            assert!(read(&format!("man/man1/{page}.1")).contains(".SH NAME"), "{page}");
        }
        assert!(read("man/man1/moothall-host.1").contains(r"\fI/etc/moothall/moothall.toml\fR"));
        assert!(read("man/man1/moothall-doctor.1").contains(".SH CHECKS"));
        for (_, file) in COMPLETIONS {
            assert!(read(file).contains("state-dir"), "{file}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
