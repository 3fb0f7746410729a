//! "Did you mean ...?"

use crate::key;

/// What to say about an unknown key or table.
pub(crate) fn for_unknown(path: &str) -> String {
    match closest(path) {
        Some(known) => format!("did you mean `{known}`?"),
        None => {
            let table = path.rsplit_once('.').map_or("", |(table, _)| table);
            let names = names_in(table);
            match table {
                "" => format!("a file knows {}", names.join(", ")),
                table => format!("[{table}] knows {}", names.join(", ")),
            }
        }
    }
}

/// The known path that differs least, if it differs little: first among the siblings, then anywhere by its last part.
fn closest(path: &str) -> Option<String> {
    let (table, name) = path.rsplit_once('.').unwrap_or(("", path));
    let siblings = names_in(table);
    let sibling = siblings.iter().map(|known| (distance(name, known), known)).min().filter(|(d, _)| near(*d, name));
    if let Some((_, known)) = sibling {
        return Some(if table.is_empty() { (*known).to_owned() } else { format!("{table}.{known}") });
    }
    let elsewhere = key::keys().map(|known| (distance(name, known.name()), known.path)).min();
    elsewhere.filter(|(d, _)| near(*d, name)).map(|(_, known)| known.to_owned())
}

fn near(distance: usize, name: &str) -> bool {
    distance <= name.chars().count().div_ceil(3)
}

/// Names of keys and tables directly inside a table.
fn names_in(table: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for key in key::keys() {
        let rest = if table.is_empty() {
            Some(key.path)
        } else {
            key.path.strip_prefix(table).and_then(|rest| rest.strip_prefix('.'))
        };
        let name = rest.map(|rest| rest.split('.').next().unwrap_or(rest));
        if let Some(name) = name.filter(|name| !names.contains(name)) {
            names.push(name);
        }
    }
    names
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (cb, above) in b.iter().zip(row.iter().skip(1)) {
            let cost = diagonal + usize::from(ca != *cb);
            left = cost.min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_changed_letters() {
        assert_eq!(distance("port", "port"), 0);
        assert_eq!(distance("prot", "port"), 2);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn a_key_in_the_wrong_table_is_found_in_the_right_one() {
        assert_eq!(for_unknown("bridge.media_port"), "did you mean `network.media_port`?");
    }

    #[test]
    fn a_key_like_no_other_gets_the_list() {
        assert_eq!(for_unknown("xmpp.zzzzzzzz"), "[xmpp] knows domain");
        assert_eq!(
            for_unknown("zzzzzzzz"),
            "a file knows board, network, tls, xmpp, bridge, signal, branding, recorder, transcription, api, log"
        );
    }
}
