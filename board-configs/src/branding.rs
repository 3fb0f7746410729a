//! `[branding]`: whose box it is.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Colour, Key};

/// What people see of the owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Branding {
    pub name: String,
    pub welcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<PathBuf>,
    pub colours: Colours,
}

/// Colours of the page; unset ones are the page's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Colours {
    /// On a light page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accent_light: Option<Colour>,
    /// On a dark page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accent_dark: Option<Colour>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<Colour>,
}

impl Default for Branding {
    fn default() -> Self {
        Self { name: "Moothall".to_owned(), welcome: String::new(), logo: None, colours: Colours::default() }
    }
}

pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "branding.name",
        expects: "a text of 1 to 80 characters",
        doc: "Name of the box, as people see it.",
        example: "",
    },
    Key {
        path: "branding.welcome",
        expects: "a text of at most 400 characters",
        doc: "Text on the first page, below the name.",
        example: "",
    },
    Key {
        path: "branding.logo",
        expects: "the path of an SVG, PNG, JPEG or WebP file, relative to this file",
        doc: "Picture on the first page.",
        example: "\"logo.svg\"",
    },
    Key {
        path: "branding.colours.accent_light",
        expects: "a colour written \"#rrggbb\"",
        doc: "Colour of the main buttons where people use a light page.",
        example: "\"#0a6a54\"",
    },
    Key {
        path: "branding.colours.accent_dark",
        expects: "a colour written \"#rrggbb\"",
        doc: "The same on a dark page.",
        example: "\"#72d5b8\"",
    },
    Key {
        path: "branding.colours.background",
        expects: "a colour written \"#rrggbb\"",
        doc: "Colour behind everything.",
        example: "\"#0f1413\"",
    },
];
