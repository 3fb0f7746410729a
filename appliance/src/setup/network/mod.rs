//! How the box reaches people, through NetworkManager. It changes nothing for good before somebody says that it works: NetworkManager
//! itself goes back to what was before, also when we have gone (see `Checkpoint` in its D-Bus interface).

mod manager;
mod profile;
mod view;
mod wish;

pub(crate) use manager::{Manager, UNDONE_AFTER};
pub(crate) use wish::Wish;
