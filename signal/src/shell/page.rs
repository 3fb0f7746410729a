//! The page that was found at build time; see `build.rs`.

use super::files::WebFile;

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Served when there is no page in the binary.
pub(super) const MISSING: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>No page</title>\
    <h1>The page is not built into this server</h1>\
    <p>The server works; only its web page is missing. In the source tree, run <code>make web</code>, then build again.\n";
