//! A page from a directory, read in pieces so that a large bundle never lies in memory whole.

use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::route::{Route, route};

/// An open file of the directory.
pub(super) struct Found {
    pub(super) file: File,
    pub(super) len: u64,
    /// Size and time of change, quoted.
    pub(super) etag: String,
}

/// Opens a regular file. `path` comes from [`route`](super::route), which lets nothing through that leaves the root; nor may
/// a link in the folder.
pub(super) async fn open(root: &Path, path: &str) -> Option<Found> {
    let (root, full): (PathBuf, PathBuf) = (root.to_owned(), root.join(path));
    spawn_blocking(move || {
        let full = full.canonicalize().ok()?;
        // Asked before it is opened: opening a pipe waits for somebody to write.
        if !full.starts_with(root.canonicalize().ok()?) || !full.is_file() {
            return None;
        }
        let file = File::open(full).ok()?;
        let metadata = file.metadata().ok()?;
        let changed = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?.as_nanos();
        Some(Found { file, len: metadata.len(), etag: format!("\"{:x}-{changed:x}\"", metadata.len()) })
    })
    .await
    .ok()?
}

/// One piece of a file.
const PIECE: u64 = 32 * 1024;

/// The rest of a file, as a stream. Reading happens beside the control thread: an SD card may take its time.
pub(super) enum Pieces {
    Idle(File, u64),
    Reading(JoinHandle<io::Result<(File, Bytes)>>, u64),
    Done,
}

impl Pieces {
    /// `len` bytes from where the file stands.
    pub(super) fn of(file: File, len: u64) -> Self {
        Self::Idle(file, len)
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            match std::mem::replace(self, Self::Done) {
                Self::Done | Self::Idle(_, 0) => return Poll::Ready(None),
                Self::Idle(file, left) => {
                    let job = spawn_blocking(move || {
                        let mut piece = Vec::new();
                        let mut part = file.take(left.min(PIECE));
                        part.read_to_end(&mut piece)?;
                        Ok((part.into_inner(), Bytes::from(piece)))
                    });
                    *self = Self::Reading(job, left);
                }
                Self::Reading(mut job, left) => {
                    let done = match Pin::new(&mut job).poll(cx) {
                        Poll::Ready(done) => done,
                        Poll::Pending => {
                            *self = Self::Reading(job, left);
                            return Poll::Pending;
                        }
                    };
                    let (file, piece) = done.map_err(io::Error::other)??;
                    let read = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                    if read == 0 {
                        // Shorter than announced: somebody replaced the page. The client must not wait for the rest.
                        return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
                    }
                    *self = Self::Idle(file, left.saturating_sub(read));
                    return Poll::Ready(Some(Ok(piece)));
                }
            }
        }
    }
}

/// Documents longer than this are sent as they are.
const MAX_DOCUMENT: u64 = 256 * 1024;
/// A document that grows beyond this by its includes is sent without them.
const MAX_FILLED: usize = 1024 * 1024;
/// Includes within includes.
const MAX_DEPTH: u8 = 3;

/// An HTML document, ready to be sent.
pub(super) struct Document {
    pub(super) text: String,
    /// It has scripts or styles of its own, as a stock Jitsi Meet's has.
    pub(super) inline: bool,
}

/// Reads an HTML document and fills its server-side includes, which a stock Jitsi Meet's `index.html` consists of.
/// `own` answers for names that this server makes itself.
pub(super) async fn document(root: &Path, path: &str, own: impl Fn(&str) -> Option<String>) -> Option<Document> {
    let mut text = read(root, path).await?;
    for _ in 0..MAX_DEPTH {
        let Some(filled) = fill(root, &text, &own).await else { break };
        text = filled;
    }
    Some(Document { inline: has_inline(&text), text })
}

/// Whether a document would break under a policy without inline scripts and styles.
fn has_inline(text: &str) -> bool {
    let script = |tag: &str| tag.split_once('>').is_some_and(|(attributes, _)| !attributes.contains("src="));
    text.split("<script").skip(1).any(script) || text.contains("<style") || text.contains(" style=")
}

async fn read(root: &Path, path: &str) -> Option<String> {
    let found = open(root, path).await.filter(|found| found.len <= MAX_DOCUMENT)?;
    spawn_blocking(move || {
        let mut text = String::new();
        found.file.take(MAX_DOCUMENT).read_to_string(&mut text).ok()?;
        Some(text)
    })
    .await
    .ok()?
}

/// One round of includes; `None` if there was none. Unknown directives vanish, as with nginx's `ssi_silent_errors`.
async fn fill(root: &Path, text: &str, own: &impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    let mut any = false;
    while let Some((before, after)) = rest.split_once("<!--#") {
        let Some((directive, behind)) = after.split_once("-->") else { break };
        filled.push_str(before);
        if filled.len() > MAX_FILLED {
            return None;
        }
        if let Some(name) = included(directive) {
            let name = name.trim_start_matches('/');
            let content = match own(name) {
                Some(content) => Some(content),
                None => match file(name) {
                    Some(path) => read(root, &path).await,
                    None => None,
                },
            };
            filled.push_str(&content.unwrap_or_default());
        }
        rest = behind;
        any = true;
    }
    filled.push_str(rest);
    any.then_some(filled)
}

/// The file of this name in the directory.
fn file(name: &str) -> Option<String> {
    match route(&format!("/{name}")) {
        Route::File { path, .. } => Some(path),
        Route::InterfaceConfig => Some("interface_config.js".to_owned()),
        _ => None,
    }
}

/// The name in `include virtual="NAME"`.
fn included(directive: &str) -> Option<&str> {
    let arguments = directive.trim().strip_prefix("include")?;
    let (_, value) = arguments.split_once("virtual=\"")?;
    value.split_once('"').map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_with_code_in_it_is_told_from_one_without() {
        assert!(!has_inline("<link rel=stylesheet href=a.css><script type=module src=\"a.js\"></script><p>x"));
        assert!(has_inline("<script src=a.js></script><script>var config = {};</script>"));
        assert!(has_inline("<style>p {}</style>"));
        assert!(has_inline("<p style='x'>"));
    }

    #[test]
    fn only_virtual_includes_name_a_file() {
        assert_eq!(included("include virtual=\"/config.js\" "), Some("/config.js"));
        assert_eq!(included("echo var=\"x\" default=\"\""), None);
        assert_eq!(included("include file=\"x\""), None);
    }
}
