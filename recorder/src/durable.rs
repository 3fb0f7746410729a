//! Files that are replaced whole or not at all, whenever the plug is pulled.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Replaces a file of a folder.
pub(crate) fn replace(folder: &Path, name: &str, contents: &[u8]) -> io::Result<()> {
    let draft = folder.join(format!(".{name}.new"));
    // One that a crash left behind, or something that was laid there.
    let _ = fs::remove_file(&draft);
    let written = write(&draft, contents).and_then(|()| fs::rename(&draft, folder.join(name)));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write(draft: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(draft)?;
    file.write_all(contents)?;
    file.sync_all()
}
