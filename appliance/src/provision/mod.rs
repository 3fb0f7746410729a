//! How a box gets what makes it one's own, and gives it back.

pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod reset;

pub(crate) mod connections;
pub(crate) mod folder;
mod keyfile;
mod result;
