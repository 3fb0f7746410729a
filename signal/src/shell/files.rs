//! The page: built into the binary, or a directory in its place.

use std::path::PathBuf;

use hyper::header::{ACCEPT_ENCODING, HeaderMap, IF_NONE_MATCH};

/// One file of the page, in the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebFile {
    /// Below `/`, without a leading slash: `index.html`, `assets/app.js`.
    pub path: &'static str,
    pub content_type: &'static str,
    pub bytes: &'static [u8],
    /// The same, compressed beforehand: this server compresses nothing itself.
    pub gzip: Option<&'static [u8]>,
    pub brotli: Option<&'static [u8]>,
    /// Digest of `bytes`, without quotes.
    pub etag: &'static str,
}

/// Where the page comes from.
#[derive(Debug, Clone)]
pub enum Web {
    /// A table such as [`PAGE`](super::PAGE).
    Embedded(&'static [WebFile]),
    /// A directory with an `index.html`, such as a stock Jitsi Meet.
    Directory(PathBuf),
}

/// One of the stored forms of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) bytes: &'static [u8],
    pub(super) encoding: Option<&'static str>,
}

impl WebFile {
    /// The smallest form that the client takes.
    pub(super) fn variant(&self, headers: &HeaderMap) -> Variant {
        let stored = [("br", self.brotli), ("gzip", self.gzip)];
        for (name, bytes) in stored {
            if let Some(bytes) = bytes.filter(|_| accepts(headers, name)) {
                return Variant { bytes, encoding: Some(name) };
            }
        }
        Variant { bytes: self.bytes, encoding: None }
    }

    /// A name with a digest in it (`app-Bk3xY9Zq.js`) never changes its content.
    pub(super) fn is_immutable(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let stem = name.split('.').next().unwrap_or_default();
        stem.rsplit_once('-').is_some_and(|(_, digest)| {
            digest.len() >= 8
                && digest.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && digest.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        })
    }
}

pub(super) fn find(table: &'static [WebFile], path: &str) -> Option<&'static WebFile> {
    table.iter().find(|file| file.path == path)
}

/// RFC 9110, 12.5.3, as far as it concerns named codings.
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|offer| {
            let mut parts = offer.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
            let refused = parts
                .any(|part| part.strip_prefix("q=").is_some_and(|q| q.trim().parse::<f32>().is_ok_and(|q| q <= 0.0)));
            named && !refused
        })
}

/// RFC 9110, 13.1.2: weak comparison.
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| {
            let tag = tag.trim();
            tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
        })
}

/// By the extension of a file name.
pub(super) fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "wasm" => "application/wasm",
        "mp3" => "audio/mpeg",
        "ogg" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: WebFile = WebFile {
        path: "assets/app-Bk3xY9Zq.js",
        content_type: "text/javascript; charset=utf-8",
        bytes: b"plain",
        gzip: Some(b"gz"),
        brotli: None,
        etag: "1",
    };

    fn with_encoding(value: &'static str) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, value.parse().unwrap());
        FILE.variant(&headers).encoding
    }

    #[test]
    fn compressed_forms_go_only_to_those_who_ask() {
        assert_eq!(with_encoding("br, GZIP;q=0.5"), Some("gzip"));
        assert_eq!(with_encoding("gzip;q=0, deflate"), None);
        assert_eq!(with_encoding("identity"), None);
        assert_eq!(FILE.variant(&HeaderMap::new()).encoding, None);
    }

    #[test]
    fn only_names_with_a_digest_are_immutable() {
        assert!(FILE.is_immutable());
        for path in ["index.html", "app.js", "close-up.js", "self-contained.js"] {
            assert!(!WebFile { path, ..FILE }.is_immutable(), "{path}");
        }
    }
}
