//! Man pages and shell completions of the command `moothall-recorder`: `manual FOLDER` writes them as they lie in `/usr/share`.

#![expect(clippy::disallowed_methods, reason = "files")]

#[path = "../src/cli.rs"]
#[expect(dead_code, reason = "only the definition is of interest here, not what was typed")]
mod cli;

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

const NAME: &str = "moothall-recorder";
/// Where a shell looks for completions, below `/usr/share`.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions/moothall-recorder"),
    (Shell::Zsh, "zsh/vendor-completions/_moothall-recorder"),
    (Shell::Fish, "fish/vendor_completions.d/moothall-recorder.fish"),
];

fn main() -> io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "usage: manual FOLDER"));
    };
    let share = Path::new(&folder);
    let mut command = cli::Cli::command().disable_help_subcommand(true);
    command.build();
    let pages = share.join("man/man1");
    fs::create_dir_all(&pages)?;
    clap_mangen::generate_to(command.clone(), &pages)?;
    for (shell, file) in COMPLETIONS {
        let path = share.join(file);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut command, NAME, &mut text);
        fs::write(path, text)?;
    }
    Ok(())
}
