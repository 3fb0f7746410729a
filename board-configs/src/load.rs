//! From text to typed values, all or nothing.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::secret::{HIDDEN, is_secret, without_secret};
use crate::{
    Api, Board, BoardName, Branding, Bridge, ConfigError, Count, Flags, Log, Machine, Network, Origins, Place,
    Recorder, Signal, Tls, Transcription, Xmpp, check, key, suggest,
};

/// The whole configuration of a box.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Once loaded: the one that was written, else the one that the machine is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub board: Option<BoardName>,
    pub network: Network,
    pub tls: Tls,
    pub xmpp: Xmpp,
    pub bridge: Bridge,
    pub signal: Signal,
    pub branding: Branding,
    pub recorder: Recorder,
    pub transcription: Transcription,
    pub api: Api,
    pub log: Log,
    /// Where the values come from.
    #[serde(skip)]
    pub origins: Origins,
}

impl Config {
    /// Defaults, then what the board carries, then the files, of which a later one wins key by key, then the flags.
    pub fn load(files: &[PathBuf], flags: &Flags, machine: &Machine) -> Result<Self, ConfigError> {
        let read = |file: &PathBuf| {
            std::fs::read_to_string(file).map_err(|source| ConfigError::Unreadable { file: file.clone(), source })
        };
        let texts = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let layers: Vec<_> = files.iter().zip(&texts).map(|(file, text)| (file.as_path(), text.as_str())).collect();
        Self::layered(&layers, flags, machine)
    }

    /// Like [`Self::load`] with the text of one file; `file` names it in errors and is what relative paths start from.
    pub fn parse(file: &Path, text: &str, flags: &Flags, machine: &Machine) -> Result<Self, ConfigError> {
        Self::layered(&[(file, text)], flags, machine)
    }

    /// Like [`Self::parse`] with several files.
    pub fn layered(files: &[(&Path, &str)], flags: &Flags, machine: &Machine) -> Result<Self, ConfigError> {
        let (mut config, mut written, mut origins) = (Self::default(), toml::Table::new(), Origins::default());
        for (file, text) in files {
            let source = Source { file, text };
            let document = DeTable::parse(text).map_err(|error| source.syntax(&error))?;
            origins.lay(source.origins(document.get_ref())?);
            let refused = |error| source.bad_value(&document, &error);
            // By itself, because only so an error knows its line.
            toml::from_str::<Self>(text).map_err(refused)?;
            lay("", &mut written, toml::from_str(text).map_err(refused)?);
            config = written.clone().try_into().map_err(refused)?;
        }
        config.origins = origins;
        config.resolve_paths();
        flags.apply(&mut config);
        config.settle_board(machine)?;
        check::check(&config)?;
        Ok(config)
    }

    /// Decides which board this is, and puts what it carries where nobody wrote anything else.
    fn settle_board(&mut self, machine: &Machine) -> Result<(), ConfigError> {
        if self.board.is_none()
            && let Some((name, by)) = machine.recognise()
        {
            self.board = Some(name);
            self.origins.set("board", Place::Machine(by));
        }
        let Some(name) = &self.board else { return Ok(()) };
        let carried = u32::try_from(Board::named(name)?.carries(machine)).ok().and_then(|n| Count::try_from(n).ok());
        let key = "bridge.max_participants";
        if let Some(carried) = carried.filter(|n| n.get() < self.bridge.max_participants.get())
            && self.origins.place(key).is_none()
        {
            self.bridge.max_participants = carried;
            self.origins.set(key, Place::Board(name.clone()));
        }
        Ok(())
    }

    /// Paths are relative to the file in which they stand.
    fn resolve_paths(&mut self) {
        let paths = [
            ("tls.cert", &mut self.tls.cert),
            ("tls.key", &mut self.tls.key),
            ("signal.web_root", &mut self.signal.web_root),
            ("branding.logo", &mut self.branding.logo),
            ("recorder.directory", &mut self.recorder.directory),
            ("recorder.finalize_script", &mut self.recorder.finalize_script),
            ("recorder.webhook_secret_file", &mut self.recorder.webhook_secret_file),
            ("api.token_file", &mut self.api.token_file),
        ];
        for (key, path) in paths {
            if let (Some(path), Some(Place::Line(file, _))) = (path, self.origins.place(key)) {
                *path = file.parent().unwrap_or(Path::new("")).join(&*path);
            }
        }
    }
}

/// Lays one file over those before it. A key is replaced whole, also where it is a list.
fn lay(prefix: &str, below: &mut toml::Table, above: toml::Table) {
    for (name, value) in above {
        let path = join(prefix, &name);
        match (below.get_mut(&name), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) if key::find(&path).is_none() => {
                lay(&path, below, above);
            }
            (_, value) => drop(below.insert(name, value)),
        }
    }
}

/// The text of one file and its name.
struct Source<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn origins(&self, document: &DeTable<'_>) -> Result<Origins, ConfigError> {
        let mut origins = Origins::default();
        self.walk("", document, &mut origins)?;
        Ok(origins)
    }

    /// Refuses what no key is documented for, and notes where each value was written.
    fn walk(&self, prefix: &str, table: &DeTable<'_>, origins: &mut Origins) -> Result<(), ConfigError> {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let path = join(prefix, name.get_ref());
            let place = self.place(name.span().start);
            if let Some(known) = key::find(&path) {
                origins.set_first(known.path, place);
                self.walk_items(&path, value.get_ref(), origins)?;
            } else if !key::is_table(&path) {
                return Err(ConfigError::UnknownKey { place, suggestion: suggest::for_unknown(&path), key: path });
            } else if let Some(inner) = value.get_ref().as_table() {
                self.walk(&path, inner, origins)?;
            } else {
                let expected = format!("a table, written [{path}] on a line of its own");
                return Err(ConfigError::BadValue {
                    place,
                    found: self.excerpt(&path, value.span()),
                    key: path,
                    expected,
                });
            }
        }
        Ok(())
    }

    /// The tables of an array of tables.
    fn walk_items(&self, path: &str, value: &DeValue<'_>, origins: &mut Origins) -> Result<(), ConfigError> {
        let tables =
            value.as_array().into_iter().flat_map(|array| array.iter()).filter_map(|item| item.get_ref().as_table());
        tables.into_iter().try_for_each(|table| self.walk(path, table, origins))
    }

    fn syntax(&self, error: &toml::de::Error) -> ConfigError {
        let at = error.span().map_or(0, |span| span.start.min(self.text.len().saturating_sub(1)));
        let near = self.text.lines().nth(self.line(at) - 1).unwrap_or_default().trim();
        ConfigError::Syntax {
            place: self.place(at),
            near: without_secret(near).chars().take(60).collect(),
            problem: error.message().replace('\n', ", "),
        }
    }

    /// The error of a value whose key is known: serde said where, the key's documentation says what was expected.
    fn bad_value(&self, document: &Spanned<DeTable<'_>>, error: &toml::de::Error) -> ConfigError {
        let span = error.span().unwrap_or(0..0);
        let hit = innermost("", document.get_ref(), &span);
        let (path, value) = hit.unwrap_or_default();
        if let Some(name) = error.message().strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            let path = join(&path, name);
            let expected = key::find(&path).map_or_else(|| "a value".to_owned(), |key| key.expects.to_owned());
            return ConfigError::Missing { place: self.place(span.start), key: path, expected };
        }
        let expected = key::find(&path).map_or_else(|| error.message().to_owned(), |key| key.expects.to_owned());
        ConfigError::BadValue { place: self.place(value.start), found: self.excerpt(&path, value), key: path, expected }
    }

    fn place(&self, at: usize) -> Place {
        Place::Line(self.file.to_owned(), self.line(at))
    }

    /// Line of a byte offset, counted from 1.
    fn line(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
    }

    fn excerpt(&self, path: &str, span: Range<usize>) -> String {
        if is_secret(path) {
            return HIDDEN.to_owned();
        }
        let text = self.text.get(span).unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let mut excerpt: String = without_secret(line).chars().take(60).collect();
        if excerpt.len() < text.len() {
            excerpt.push_str(" ...");
        }
        excerpt
    }
}

/// Path and span of the innermost value that contains `span`.
fn innermost(prefix: &str, table: &DeTable<'_>, span: &Range<usize>) -> Option<(String, Range<usize>)> {
    let inside = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    table.iter().find_map(|(name, value)| {
        let path = join(prefix, name.get_ref());
        let deeper = match value.get_ref() {
            DeValue::Table(inner) => innermost(&path, inner, span),
            DeValue::Array(items) => items.iter().find_map(|item| match item.get_ref() {
                DeValue::Table(inner) => {
                    innermost(&path, inner, span).or_else(|| inside(item.span()).then(|| (path.clone(), item.span())))
                }
                _ => None,
            }),
            _ => None,
        };
        deeper.or_else(|| inside(value.span()).then(|| (path, value.span())))
    })
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}
