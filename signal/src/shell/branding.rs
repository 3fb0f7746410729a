//! Whose box it is: name, logo, colours and a word of welcome for the page.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::json;
use thiserror::Error;

/// What people see of the owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branding {
    pub name: String,
    /// Shown below the name; may be empty.
    pub welcome: String,
    pub logo: Option<Logo>,
    /// `None`: the page's own colour.
    pub accent_light: Option<Colour>,
    pub accent_dark: Option<Colour>,
    pub background: Option<Colour>,
}

impl Default for Branding {
    fn default() -> Self {
        Self {
            name: "Moothall".to_owned(),
            welcome: String::new(),
            logo: None,
            accent_light: None,
            accent_dark: None,
            background: None,
        }
    }
}

impl Branding {
    /// Body of `/branding.json`. Colours are `null` where the page's own apply.
    pub(super) fn json(&self) -> String {
        let colour = |colour: &Option<Colour>| colour.as_ref().map(Colour::to_string);
        json!({
            "name": self.name,
            "logo": self.logo.as_ref().map(Logo::url),
            "welcome": self.welcome,
            "accent": { "light": colour(&self.accent_light), "dark": colour(&self.accent_dark) },
            "background": colour(&self.background),
        })
        .to_string()
    }

    /// Body of `/interface_config.js`, of which only a stock page reads anything.
    pub(super) fn interface_config(&self) -> String {
        let config = json!({
            "APP_NAME": self.name,
            "NATIVE_APP_NAME": self.name,
            "PROVIDER_NAME": self.name,
            "DISPLAY_WELCOME_FOOTER": false,
            "MOBILE_APP_PROMO": false,
            "SHOW_JITSI_WATERMARK": false,
            "SHOW_PROMOTIONAL_CLOSE_PAGE": false,
        });
        super::client_config::assignment("interfaceConfig", &config)
    }
}

/// A colour written `#rrggbb`; nothing else can end up in a style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    pub red: u8,
    pub green: u8,
    pub blue: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a colour is written \"#rrggbb\"")]
pub struct BadColour;

impl FromStr for Colour {
    type Err = BadColour;

    fn from_str(text: &str) -> Result<Self, BadColour> {
        let digits = text.strip_prefix('#').ok_or(BadColour)?;
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(BadColour);
        }
        let [_, red, green, blue] = u32::from_str_radix(digits, 16).map_err(|_| BadColour)?.to_be_bytes();
        Ok(Self { red, green, blue })
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

/// A picture, read once.
#[derive(Clone, PartialEq, Eq)]
pub struct Logo {
    pub(super) bytes: Vec<u8>,
    kind: &'static Kind,
}

#[derive(Debug, PartialEq, Eq)]
struct Kind {
    extensions: &'static [&'static str],
    content_type: &'static str,
}

const KINDS: &[Kind] = &[
    Kind { extensions: &["svg"], content_type: "image/svg+xml" },
    Kind { extensions: &["png"], content_type: "image/png" },
    Kind { extensions: &["jpg", "jpeg"], content_type: "image/jpeg" },
    Kind { extensions: &["webp"], content_type: "image/webp" },
];

/// A logo is kept in memory as long as the process lives.
pub const MAX_LOGO: u64 = 512 * 1024;

/// Why a logo cannot be used.
#[derive(Debug, Error)]
pub enum LogoError {
    #[error("{0}: a logo is an SVG, PNG, JPEG or WebP file")]
    UnknownKind(PathBuf),
    #[error("{0}: a logo has at most {max} KiB", max = MAX_LOGO / 1024)]
    TooLarge(PathBuf),
    #[error("{0}: {1}")]
    Unreadable(PathBuf, #[source] std::io::Error),
}

impl Logo {
    pub fn read(path: &Path) -> Result<Self, LogoError> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
        let kind = KINDS
            .iter()
            .find(|kind| kind.extensions.contains(&extension.as_str()))
            .ok_or_else(|| LogoError::UnknownKind(path.to_owned()))?;
        let unreadable = |error| LogoError::Unreadable(path.to_owned(), error);
        if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_LOGO {
            return Err(LogoError::TooLarge(path.to_owned()));
        }
        Ok(Self { bytes: std::fs::read(path).map_err(unreadable)?, kind })
    }

    pub(super) fn content_type(&self) -> &'static str {
        self.kind.content_type
    }

    fn url(&self) -> String {
        format!("/branding/logo.{}", self.kind.extensions.first().copied().unwrap_or_default())
    }
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({}, {} bytes)", self.kind.content_type, self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_digits_are_a_colour() {
        assert_eq!("#0a6A54".parse::<Colour>().map(|colour| colour.to_string()), Ok("#0a6a54".to_owned()));
        for text in ["", "#", "0a6a54", "#0a6a5", "#0a6a544", "#+a6a54", "#red;x:", "red", "#0a6a5\u{e9}"] {
            assert_eq!(text.parse::<Colour>(), Err(BadColour), "{text}");
        }
    }

    #[test]
    fn names_are_escaped_in_both_languages() {
        let branding = Branding { name: "A \"</script>\" \u{2028}".to_owned(), ..Branding::default() };
        let value: serde_json::Value = serde_json::from_str(&branding.json()).unwrap();
        assert_eq!(value["name"], branding.name);
        let script = branding.interface_config();
        assert!(!script.contains("</script>") && !script.contains('\u{2028}'), "{script}");
    }
}
