//! Where each value comes from.

use std::collections::BTreeMap;
use std::fmt;

use crate::Place;

/// The layer that decided a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    #[default]
    Default,
    Written(Place),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Written(place) => place.fmt(f),
        }
    }
}

/// Origins of all values that are not defaults, by dotted path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins(BTreeMap<String, Place>);

impl Origins {
    /// Origin of the value at this path.
    pub fn of(&self, path: &str) -> Origin {
        self.0.get(path).map_or(Origin::Default, |place| Origin::Written(place.clone()))
    }

    pub(crate) fn place(&self, path: &str) -> Option<&Place> {
        self.0.get(path)
    }

    /// What a later file says of a key replaces all that was said of it before.
    pub(crate) fn lay(&mut self, later: Self) {
        let inside =
            |path: &str, key: &String| path.strip_prefix(key.as_str()).is_some_and(|rest| rest.starts_with('.'));
        self.0.retain(|path, _| !later.0.keys().any(|key| inside(path, key)));
        self.0.extend(later.0);
    }

    /// A later layer wins; in one layer the first mention counts.
    pub(crate) fn set(&mut self, path: &str, place: Place) {
        self.0.insert(path.to_owned(), place);
    }

    pub(crate) fn set_first(&mut self, path: &str, place: Place) {
        self.0.entry(path.to_owned()).or_insert(place);
    }
}
