//! What the room is called: a key of the configuration that the box was given. Everything else in that file stays as people wrote it.

use std::fs;
use std::io;
use std::path::Path;

use toml_edit::{DocumentMut, Item};

use crate::provision::folder;
use crate::provision::import::MAX_SITE;
use crate::{config, durable};

/// The file with this name in it, checked as a whole; `None` if it has it already.
pub(crate) fn with_name(site: &Path, name: &str) -> Result<Option<String>, String> {
    let before = match fs::symlink_metadata(site) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        _ => folder::text(&folder::read(site, MAX_SITE)?)?,
    };
    let after = named(&before, name)?;
    if after == before {
        return Ok(None);
    }
    let config = config::with_those_below(site, site, &after).map_err(|error| error.to_string())?;
    config::usable(&config).map_err(|failure| failure.sentence)?;
    Ok(Some(after))
}

/// Replaces the file; secrets may be in it.
pub(crate) fn write(site: &Path, text: &str) -> io::Result<()> {
    durable::replace(site, text.as_bytes(), 0o600)
}

fn named(text: &str, name: &str) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let branding = document.entry("branding").or_insert_with(toml_edit::table);
    let branding = branding.as_table_like_mut().ok_or("`branding` is no table")?;
    match branding.get_mut("name").and_then(Item::as_value_mut) {
        Some(value) if value.as_str() == Some(name) => {}
        Some(value) => {
            let decor = value.decor().clone();
            *value = name.into();
            *value.decor_mut() = decor;
        }
        None => {
            branding.insert("name", toml_edit::value(name));
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_changes() {
        for (before, after) in [
            ("", "[branding]\nname = \"Hall \\\"2\\\"\"\n"),
            (
                "# Ours.\n[branding]\nname = \"Old\" # said Ada\nwelcome = 'Hi'\n\n[log]\nnames = true\n",
                "# Ours.\n[branding]\nname = 'Hall \"2\"' # said Ada\nwelcome = 'Hi'\n\n[log]\nnames = true\n",
            ),
            ("branding.welcome = \"Hi\"\n", "branding.welcome = \"Hi\"\nbranding.name = 'Hall \"2\"'\n"),
            ("branding = { welcome = \"Hi\" }\n", "branding = { welcome = \"Hi\" , name = 'Hall \"2\"' }\n"),
        ] {
            let said = named(before, "Hall \"2\"").unwrap();
            let parsed: toml_edit::DocumentMut = said.parse().unwrap();
            let name = parsed.get("branding").and_then(|table| table.get("name")).and_then(Item::as_str);
            assert_eq!(name, Some("Hall \"2\""), "{said}");
            let plain = |text: &str| text.replace('\'', "\"").replace("\\\"", "\"").replace([' ', '\n'], "");
            assert_eq!(plain(&said), plain(after));
        }
        assert!(named("branding = 1\n", "Hall").is_err() && named("[", "Hall").is_err());
    }

    #[test]
    fn a_name_that_the_box_would_not_take_is_refused_and_the_file_left_alone() {
        let dir = crate::host::test_dir("site-name");
        fs::create_dir_all(&dir).unwrap();
        let site = dir.join("site.toml");
        assert!(with_name(&site, "").is_err() && with_name(&site, &"x".repeat(81)).is_err());
        let text = with_name(&site, "Hall").unwrap().unwrap();
        write(&site, &text).unwrap();
        assert_eq!(with_name(&site, "Hall").unwrap(), None, "it is called that already");
        fs::write(&site, "[nonsense]\n").unwrap();
        assert!(with_name(&site, "Hall").is_err());
        fs::remove_file(&site).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &site).unwrap();
        assert!(with_name(&site, "Hall").unwrap_err().starts_with("is a link"));
        fs::remove_dir_all(dir).unwrap();
    }
}
