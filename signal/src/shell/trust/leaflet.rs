//! The page itself: no script, one language at a time, the steps of the visitor's own system unfolded.

use std::fmt::Write;

use hyper::Request;
use hyper::header::{ACCEPT_LANGUAGE, USER_AGENT};
use qrcode::{Color, EcLevel, QrCode};

use super::super::authority::{Authority, Origin};
use super::super::route::query_value;
use super::words::{ALL, File, Steps, Words};
use super::{Trust, escaped};

/// What the page says to one visitor.
pub(super) struct Leaflet<'a> {
    trust: &'a Trust,
    words: &'static Words,
    /// Whose steps are unfolded: a name of [`Steps`].
    system: &'static str,
    /// `host[:port]` of HTTPS.
    secure: &'a Authority,
    /// Of this page, for a telephone.
    address: String,
    name: &'a str,
}

impl<'a> Leaflet<'a> {
    pub(super) fn new<B>(
        trust: &'a Trust,
        request: &Request<B>,
        origin: &Origin,
        secure: &'a Authority,
        name: &'a str,
    ) -> Self {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let chosen = request.uri().query().and_then(|query| query_value(query, "lang"));
        // Where the port is named, it answers to both. Port 80, which is meant where none is, may be somebody else's.
        let plain = !origin.secure || origin.authority.has_port();
        Self {
            trust,
            words: language(chosen.as_deref(), header(ACCEPT_LANGUAGE)),
            system: system(header(USER_AGENT)),
            secure,
            address: format!("{}://{}/trust", if plain { "http" } else { "https" }, origin.authority),
            name,
        }
    }

    pub(super) fn html(&self) -> String {
        let words = self.words;
        let mut html = format!(
            "<!doctype html>\n<html lang=\"{tag}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"dark light\">\n<title>{title} – {name}</title>\n\
             <link rel=\"stylesheet\" href=\"/trust/leaflet.css\">\n</head>\n<body>\n<header>{mark}<b>{name}</b>\
             <nav aria-label=\"{languages}\">{choices}</nav></header>\n<main>\n<h1>{title}</h1>\n<p class=\"lead\">{lead}</p>\n",
            tag = words.tag,
            title = escaped(words.title),
            name = escaped(self.name),
            mark = MARK,
            languages = escaped(words.languages),
            choices = self.choices(),
            lead = escaped(words.lead),
        );
        let _ = write!(
            html,
            "<div class=\"two\">\n<section class=\"card\">\n<h2>{compare}</h2>\n<p>{why}</p>\n<p class=\"print\">{print}</p>\n\
             <p class=\"quiet\">{scope}</p>\n</section>\n<section class=\"card scan\">{code}<div><h2>{scan}</h2>\
             <p class=\"mono\">{address}</p></div></section>\n</div>\n",
            compare = escaped(words.compare),
            why = escaped(words.why),
            print = self.print(),
            scope = escaped(words.scope),
            code = code(&self.address).unwrap_or_default(),
            scan = escaped(words.scan),
            address = escaped(&self.address),
        );
        for steps in words.systems {
            self.steps(&mut html, steps);
        }
        let _ = write!(
            html,
            "<section class=\"last\">\n<p>{then} {undo}</p>\n<a class=\"btn\" href=\"https://{secure}/\">{open}</a>\n\
             </section>\n</main>\n</body>\n</html>\n",
            then = escaped(words.then),
            undo = self.filled(words.undo),
            secure = self.secure,
            open = escaped(words.open),
        );
        html
    }

    fn choices(&self) -> String {
        let choice = |words: &Words| match words.tag == self.words.tag {
            true => format!("<span aria-current=\"true\">{}</span>", words.name),
            false => format!("<a href=\"/trust?lang={tag}\" lang=\"{tag}\">{}</a>", words.name, tag = words.tag),
        };
        ALL.iter().map(choice).collect()
    }

    /// Each group by itself, so that lines break between them.
    fn print(&self) -> String {
        self.trust.fingerprint.split(' ').map(|group| format!("<span>{group}</span> ")).collect()
    }

    fn steps(&self, html: &mut String, steps: &Steps) {
        let open = if steps.system == self.system { " open" } else { "" };
        let _ = write!(
            html,
            "<details class=\"card\" id=\"{}\"{open}>\n<summary>{}</summary>\n<ol>\n",
            steps.system,
            escaped(steps.title)
        );
        for (position, step) in steps.steps.iter().enumerate() {
            let button = match position {
                0 => steps.files.iter().map(|file| self.button(*file)).collect(),
                _ => String::new(),
            };
            let _ = writeln!(html, "<li>{}{button}</li>", self.filled(step));
        }
        html.push_str("</ol>\n</details>\n");
    }

    fn button(&self, file: File) -> String {
        let (name, label) = match file {
            File::Profile => ("moothall.mobileconfig", self.words.profile),
            File::Der => ("moothall.crt", self.words.certificate),
            File::Pem => ("moothall.pem", self.words.pem),
        };
        format!(" <a class=\"btn first\" href=\"/trust/{name}\">{}</a>", escaped(label))
    }

    fn filled(&self, text: &str) -> String {
        escaped(text).replace("{subject}", &format!("<b>{}</b>", escaped(&self.trust.subject)))
    }
}

/// The language that was chosen, else the first of the browser's that there is, else English.
fn language(chosen: Option<&str>, accepted: &str) -> &'static Words {
    let known = |tag: &str| {
        let primary = tag.trim().split(['-', ';']).next().unwrap_or_default();
        ALL.iter().find(|words| words.tag.eq_ignore_ascii_case(primary))
    };
    let [english, ..] = ALL;
    chosen.and_then(known).or_else(|| accepted.split(',').find_map(known)).unwrap_or(english)
}

/// What the visitor's browser runs on, as far as it says so. Tablets of Apple's call themselves Macintosh.
fn system(agent: &str) -> &'static str {
    let signs = [
        ("iPhone", "ios"),
        ("iPad", "ios"),
        ("Android", "android"),
        ("Windows", "windows"),
        ("Macintosh", "macos"),
        ("Linux", "linux"),
    ];
    signs.iter().find(|(sign, _)| agent.contains(sign)).map_or("", |(_, system)| system)
}

fn code(address: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(address, EcLevel::M).ok()?;
    let (width, modules) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (y, row) in modules.chunks(width).enumerate() {
        for (x, _) in row.iter().enumerate().filter(|(_, module)| **module == Color::Dark) {
            let _ = write!(path, "M{x} {y}h1v1h-1z");
        }
    }
    let side = width.saturating_add(8);
    Some(format!(
        "<svg class=\"qr\" viewBox=\"-4 -4 {side} {side}\" role=\"img\" aria-label=\"QR\" shape-rendering=\"crispEdges\">\
         <path d=\"{path}\"/></svg>"
    ))
}

/// The house's sign.
const MARK: &str = "<svg class=\"mark\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"M2.5 11.5 12 3.5l9.5 8\"/>\
    <circle cx=\"12\" cy=\"15.5\" r=\"5\"/><circle class=\"dot\" cx=\"12\" cy=\"15.5\" r=\"1.25\"/></svg>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_chosen_or_the_browsers() {
        for (chosen, accepted, expected) in [
            (None, "de-AT,de;q=0.9,en;q=0.8", "de"),
            (None, "fr, es;q=0.5", "es"),
            (None, "fr", "en"),
            (None, "", "en"),
            (Some("es"), "de", "es"),
            (Some("<b>"), "de", "de"),
        ] {
            assert_eq!(language(chosen, accepted).tag, expected, "{chosen:?} {accepted}");
        }
    }

    #[test]
    fn the_system_is_known_by_its_browser() {
        for (agent, expected) in [
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)", "ios"),
            ("Mozilla/5.0 (Linux; Android 14; Pixel 8)", "android"),
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "windows"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "macos"),
            ("Mozilla/5.0 (X11; Linux x86_64)", "linux"),
            ("curl/8", ""),
        ] {
            assert_eq!(system(agent), expected);
        }
        let named = |words: &Words| words.systems.iter().map(|steps| steps.system).collect::<Vec<_>>();
        for words in ALL {
            assert_eq!(named(words), ["ios", "android", "windows", "macos", "linux"], "{}", words.tag);
        }
    }
}
