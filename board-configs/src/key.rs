//! What is known about each key besides its type: documentation, and what may stand there in plain words.

/// One key of the file.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Dotted path, for instance `network.port`.
    pub path: &'static str,
    /// What may stand there, as the end of the sentence "expected ...".
    pub expects: &'static str,
    /// One to four lines for the person who runs the box.
    pub doc: &'static str,
    /// TOML text for the sample where the default is "nothing".
    pub example: &'static str,
}

impl Key {
    /// The table this key stands in: `network` of `network.port`.
    pub fn table(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(table, _)| table)
    }

    /// The last part of the path: `port` of `network.port`.
    pub fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }

    /// True for keys inside an array of tables, which have no value of their own.
    pub(crate) fn is_nested(&self) -> bool {
        keys().any(|other| other.path == self.table())
    }
}

/// All keys in the order of the sample.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    [
        crate::board::KEYS,
        crate::network::KEYS,
        crate::tls::KEYS,
        crate::xmpp::KEYS,
        crate::bridge::KEYS,
        crate::signal::KEYS,
        crate::branding::KEYS,
        crate::recorder::KEYS,
        crate::transcription::KEYS,
        crate::api::KEYS,
        crate::log::KEYS,
    ]
    .into_iter()
    .flatten()
}

/// The key of this path.
pub(crate) fn find(path: &str) -> Option<&'static Key> {
    keys().find(|key| key.path == path)
}

/// True when some key stands in this table or below it.
pub(crate) fn is_table(path: &str) -> bool {
    keys().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn every_value_of_the_types_has_a_key_and_no_key_is_listed_twice() {
        let value = toml::Value::try_from(Config::default()).unwrap();
        let mut leaves = Vec::new();
        collect("", &value, &mut leaves);
        for leaf in &leaves {
            assert!(find(leaf).is_some(), "{leaf} has no documentation");
        }
        let mut paths: Vec<_> = keys().map(|key| key.path).collect();
        let count = paths.len();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), count);
        for key in keys().filter(|key| !leaves.iter().any(|leaf| leaf == key.path)) {
            assert!(!key.example.is_empty(), "{} has neither default nor example", key.path);
        }
    }

    fn collect(path: &str, value: &toml::Value, leaves: &mut Vec<String>) {
        let Some(table) = value.as_table() else {
            leaves.push(path.to_owned());
            return;
        };
        for (name, value) in table {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            collect(&path, value, leaves);
        }
    }
}
