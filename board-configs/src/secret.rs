//! What is a secret, and stands in no message: it would be read by whoever reads the log.

/// In the place of a secret.
pub(crate) const HIDDEN: &str = "(hidden)";

/// Part of the name of every key whose value is a secret.
const NAME: &str = "password";

/// True for the key of this path or name.
pub(crate) fn is_secret(path: &str) -> bool {
    path.contains(NAME)
}

/// The text if it may be shown.
pub(crate) fn without_secret(text: &str) -> &str {
    if is_secret(text) { HIDDEN } else { text }
}
