//! How a box gets what makes it one's own.

pub(crate) mod import;

mod folder;
mod keyfile;
mod result;
