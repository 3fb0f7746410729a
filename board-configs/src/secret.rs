//! What is a secret, and stands in no message: it would be read by whoever reads the log.

/// In the place of a secret.
pub(crate) const HIDDEN: &str = "(hidden)";

/// Parts of the names of all keys whose values are secrets.
const NAMES: [&str; 2] = ["password", "http_headers"];

/// True for the key of this path or name.
pub(crate) fn is_secret(path: &str) -> bool {
    NAMES.iter().any(|name| path.contains(name))
}

/// The text if it may be shown.
pub(crate) fn without_secret(text: &str) -> &str {
    if is_secret(text) { HIDDEN } else { text }
}
