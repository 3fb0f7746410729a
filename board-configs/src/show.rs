//! `moothall config show`: every value and where it comes from.

use std::fmt;

use crate::secret::{HIDDEN, is_secret};
use crate::{Config, key};

/// Prints as TOML, one key a line with its origin as a comment; a file made of it loads to the same values.
#[derive(Debug)]
pub struct Effective<'a>(&'a Config);

impl Config {
    /// All values with their origins.
    pub fn effective(&self) -> Effective<'_> {
        Effective(self)
    }
}

impl fmt::Display for Effective<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = toml::Value::try_from(self.0).map_err(|_| fmt::Error)?;
        let mut table = "";
        for key in key::keys().filter(|key| !key.is_nested()) {
            if key.table() != table {
                table = key.table();
                writeln!(f, "\n[{table}]")?;
            }
            let origin = self.0.origins.of(key.path);
            match lookup(&values, key.path) {
                Some(toml::Value::Array(items)) if is_secret(key.path) && !items.is_empty() => {
                    writeln!(f, "{} = [\"{HIDDEN}\"]  # {origin}", key.name())?;
                }
                Some(value) => writeln!(f, "{} = {}  # {origin}", key.name(), Hidden(value))?,
                None => writeln!(f, "# {} is not set", key.name())?,
            }
        }
        Ok(())
    }
}

/// A value on one line, secrets left out.
struct Hidden<'a>(&'a toml::Value);

impl fmt::Display for Hidden<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            toml::Value::Array(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{}", if at == 0 { "" } else { ", " }, Hidden(item))?;
                }
                f.write_str("]")
            }
            toml::Value::Table(table) => {
                f.write_str("{ ")?;
                for (at, (name, value)) in table.iter().enumerate() {
                    let gap = if at == 0 { "" } else { ", " };
                    match name.as_str() {
                        name if is_secret(name) => write!(f, "{gap}{name} = \"{HIDDEN}\"")?,
                        name => write!(f, "{gap}{name} = {value}")?,
                    }
                }
                f.write_str(" }")
            }
            value => value.fmt(f),
        }
    }
}

/// The value at a dotted path.
pub(crate) fn lookup<'a>(values: &'a toml::Value, path: &str) -> Option<&'a toml::Value> {
    path.split('.').try_fold(values, |value, name| value.get(name))
}
