//! What is drawn over a tile, as SVG: name, initials, who speaks. Pure.

use std::fmt::Write;

use super::layout::Rect;
use super::plan::{Caption, Tile};

/// Colours of the meeting page (dark).
const STAGE: &str = "#0a0e0d";
const RAISED: &str = "#232d2a";
const SURFACE: &str = "#171e1c";
const LAMP: &str = "#ffd87a";
const QUIET: &str = "#adbab4";
const WARN: &str = "#f7b267";
/// The page's plate is a little lighter; here it also has to survive an encoder.
const PLATE: &str = "#0a0e0d";
const PLATE_COVER: f64 = 0.78;
/// Pango takes what is there; the last one always is.
const FONTS: &str = "Inter, 'Noto Sans', 'DejaVu Sans', sans-serif";
/// Of a name, so much is looked at.
const MAX_NAME: usize = 80;

/// Measures of a tile's parts in pixels; they follow from its size and that of the whole picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    /// Height of letters.
    pub font: f64,
    /// Between a tile's edge and what is in it.
    margin: f64,
    round: f64,
    line: f64,
}

impl Style {
    /// For a tile in a picture of this height.
    pub fn new(tile: Rect, height: u32) -> Self {
        let unit = f64::from(height) / 720.0;
        let small = f64::from(tile.height) < 150.0 * unit;
        let font = if small { 15.0 } else { 20.0 } * unit;
        let margin = if small { 6.0 } else { 10.0 } * unit;
        Self { font: font.max(9.0), margin: margin.max(2.0), round: 12.0 * unit, line: (4.0 * unit).max(2.0) }
    }

    fn plate_height(&self) -> f64 {
        (self.font * 1.7).round()
    }

    fn icon(&self) -> f64 {
        self.font * 1.1
    }

    fn padding(&self) -> f64 {
        self.font * 0.55
    }

    /// Pixels that a name may be long.
    pub fn room(&self, tile: &Tile) -> f64 {
        let icons = icons(&tile.caption).len() as f64 * self.icon() * 1.25;
        f64::from(tile.place.width) - 2.0 * (self.margin + self.padding()) - icons
    }
}

/// The words on a tile's plate.
pub fn words(caption: &Caption) -> String {
    match caption {
        Caption::Person { name, .. } => said(name),
        Caption::Screen { name } => format!("{} (screen)", said(name)),
        Caption::More(_) => String::new(),
    }
}

/// On one line, and not empty.
fn said(name: &str) -> String {
    let name: String = name.chars().filter(|letter| !turns(*letter)).collect();
    let words: Vec<&str> = name.split(|letter: char| letter.is_whitespace() || letter.is_control()).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let name: String = words.join(" ").chars().take(MAX_NAME).collect();
    if name.is_empty() { "Someone".to_owned() } else { name }
}

/// Lets what follows run to the other side (UAX 9): what stands after a name is not to be turned by it.
fn turns(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The beginning of a text, and that it goes on: at the left of letters that run to the left, which takes a mark that is not seen.
pub fn beginning(letters: &[char]) -> String {
    let text: String = letters.iter().collect();
    let text = text.trim_end();
    let leftward =
        |letter: char| matches!(letter, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}');
    let mark = if text.ends_with(leftward) { "\u{200f}" } else { "" };
    format!("{text}…{mark}")
}

/// A line of text on nothing, to see how long it is.
pub fn ruler(text: &str, font: f64, width: u32, height: u32) -> String {
    let text = escaped(text);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"><text x="{x}" y="{y}" font-family="{FONTS}" font-weight="600" font-size="{font}" fill="#fff" text-anchor="middle">{text}</text></svg>"##,
        x = width / 2,
        y = f64::from(height) * 0.7,
    )
}

/// A tile without its picture. `text` are the words on its plate, shortened to so many pixels.
pub fn tile(tile: &Tile, style: &Style, picture: bool, text: &str, length: f64) -> String {
    let (width, height) = (f64::from(tile.place.width), f64::from(tile.place.height));
    let mut svg = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">"#);
    // Writing to a string does not fail.
    let _ = match &tile.caption {
        Caption::More(number) => more(&mut svg, *number, style, width, height),
        caption => {
            let shown = if picture { Ok(()) } else { face(&mut svg, caption, width, height) };
            shown.and_then(|()| plate(&mut svg, caption, style, text, length, height))
        }
    };
    if !tile.alone {
        let _ = corners(&mut svg, style, width, height);
    }
    if matches!(tile.caption, Caption::Person { speaks: true, .. }) && !tile.alone {
        let _ = ring(&mut svg, style, width, height);
    }
    svg.push_str("</svg>");
    svg
}

/// Initials in a circle.
fn face(svg: &mut String, caption: &Caption, width: f64, height: f64) -> std::fmt::Result {
    write!(svg, r#"<rect width="{width}" height="{height}" fill="{RAISED}"/>"#)?;
    let Caption::Person { name, endpoint, .. } = caption else { return Ok(()) };
    let radius = (width.min(height) * 0.2).round();
    let (x, y) = (width / 2.0, height * 0.47);
    let font = radius * 0.8;
    let hue = hue(endpoint);
    write!(
        svg,
        r##"<circle cx="{x}" cy="{y}" r="{radius}" fill="hsl({hue}, 26%, 32%)"/><text x="{x}" y="{base}" font-family="{FONTS}" font-weight="600" font-size="{font}" fill="#fff" text-anchor="middle">{letters}</text>"##,
        base = y + font * 0.36,
        letters = escaped(&initials(&said(name))),
    )
}

fn more(svg: &mut String, number: usize, style: &Style, width: f64, height: f64) -> std::fmt::Result {
    write!(
        svg,
        r#"<rect width="{width}" height="{height}" fill="{SURFACE}"/><text x="{x}" y="{y}" font-family="{FONTS}" font-weight="600" font-size="{font}" fill="{QUIET}" text-anchor="middle">{number} more</text>"#,
        x = width / 2.0,
        y = height / 2.0 + style.font * 0.36,
        font = style.font,
    )
}

/// The name at the bottom, after what else is to be said of somebody.
fn plate(svg: &mut String, caption: &Caption, style: &Style, text: &str, length: f64, height: f64) -> std::fmt::Result {
    let icons = icons(caption);
    let step = style.icon() * 1.25;
    let (x, plate) = (style.margin, style.plate_height());
    let y = height - style.margin - plate;
    let before = icons.len() as f64 * step;
    let width = length + before + 2.0 * style.padding();
    write!(
        svg,
        r#"<rect x="{x}" y="{y}" width="{width}" height="{plate}" rx="{round}" fill="{PLATE}" fill-opacity="{PLATE_COVER}"/>"#,
        round = style.font * 0.4,
    )?;
    for (index, (path, colour)) in icons.iter().enumerate() {
        write!(
            svg,
            r#"<path transform="translate({left} {top}) scale({scale})" d="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/>"#,
            left = x + style.padding() + index as f64 * step,
            top = y + (plate - style.icon()) / 2.0,
            scale = style.icon() / 24.0,
        )?;
    }
    write!(
        svg,
        r##"<text x="{middle}" y="{base}" font-family="{FONTS}" font-weight="600" font-size="{font}" fill="#fff" text-anchor="middle">{text}</text>"##,
        middle = x + style.padding() + before + length / 2.0,
        base = y + plate * 0.5 + style.font * 0.36,
        font = style.font,
        text = escaped(text),
    )
}

fn icons(caption: &Caption) -> Vec<(&'static str, &'static str)> {
    let Caption::Person { silent, hand, .. } = caption else { return Vec::new() };
    let mut icons = Vec::new();
    if *hand {
        icons.push((HAND, LAMP));
    }
    if *silent {
        icons.push((MICROPHONE_OFF, WARN));
    }
    icons
}

/// Paths in a square of 24 pixels.
const MICROPHONE_OFF: &str = "M9 8.5V11a3 3 0 0 0 4.4 2.7M15 11V6a3 3 0 0 0-5.6-1.5M5.5 11.5a6.5 6.5 0 0 0 10.2 5.3M18 13.8a6.5 6.5 0 0 0 .5-2.3M12 18v3M3.5 3.5l17 17";
const HAND: &str = "M8 13V6a1.5 1.5 0 0 1 3 0v4.5-6a1.5 1.5 0 0 1 3 0v6V6a1.5 1.5 0 0 1 3 0v6-2.5a1.5 1.5 0 0 1 3 0V14c0 4.3-2.6 7-6.7 7-2.9 0-4.5-1.2-5.9-3.4l-3-4.7a1.5 1.5 0 0 1 2.5-1.7L8 13";

/// Round corners: what is outside of them is of the stage's colour.
fn corners(svg: &mut String, style: &Style, width: f64, height: f64) -> std::fmt::Result {
    let r = style.round;
    write!(
        svg,
        r#"<path fill="{STAGE}" fill-rule="evenodd" d="M0 0H{width}V{height}H0ZM{r} 0H{right}A{r} {r} 0 0 1 {width} {r}V{bottom}A{r} {r} 0 0 1 {right} {height}H{r}A{r} {r} 0 0 1 0 {bottom}V{r}A{r} {r} 0 0 1 {r} 0Z"/>"#,
        right = width - r,
        bottom = height - r,
    )
}

/// Who speaks has a lamp around.
fn ring(svg: &mut String, style: &Style, width: f64, height: f64) -> std::fmt::Result {
    let half = style.line / 2.0;
    write!(
        svg,
        r#"<rect x="{half}" y="{half}" width="{w}" height="{h}" rx="{r}" fill="none" stroke="{LAMP}" stroke-width="{line}"/>"#,
        w = width - style.line,
        h = height - style.line,
        r = style.round - half,
        line = style.line,
    )
}

/// Of the first and the last word.
fn initials(name: &str) -> String {
    let mut words = name.split(' ').filter_map(|word| word.chars().find(|letter| letter.is_alphanumeric()));
    let letters = words.next().into_iter().chain(words.next_back());
    letters.flat_map(char::to_uppercase).collect()
}

/// The same for the same person.
fn hue(endpoint: &str) -> u32 {
    // FNV-1a: names that differ in a letter have other colours.
    endpoint.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)) % 360
}

/// As text in XML, without what XML does not allow.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            _ if letter.is_control() => {}
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str) -> Caption {
        Caption::Person {
            name: name.to_owned(),
            endpoint: "3f2a9c41".to_owned(),
            speaks: true,
            silent: true,
            hand: true,
        }
    }

    #[test]
    fn a_name_is_one_line_and_never_empty() {
        assert_eq!(words(&person("  Jürgen \n\t von  Ö ")), "Jürgen von Ö");
        assert_eq!(words(&person("\u{0}\u{1b}")), "Someone");
        assert_eq!(words(&person("Ana \u{202e}nimda\u{2066}")), "Ana nimda");
        assert_eq!(words(&person(&"x".repeat(10_000))).len(), MAX_NAME);
        assert_eq!(words(&Caption::Screen { name: "Ana".to_owned() }), "Ana (screen)");
    }

    #[test]
    fn what_is_cut_off_goes_on_where_its_letters_run() {
        let shown = |text: &str| beginning(&text.chars().collect::<Vec<_>>());
        assert_eq!(["Ana ", "王小", "محمد"].map(shown), ["Ana…", "王小…", "محمد…\u{200f}"]);
    }

    #[test]
    fn initials_are_of_the_first_and_last_word() {
        for (name, expected) in
            [("Ana", "A"), ("ana maria lópez", "AL"), ("(Bo) ßig", "BSS"), ("王 小明", "王小"), ("🙂", "")]
        {
            assert_eq!(initials(name), expected, "{name}");
        }
    }

    #[test]
    fn what_people_are_called_is_text_and_no_drawing() {
        let place = Rect { x: 0, y: 0, width: 320, height: 180 };
        let name = "</text><image href=\"file:///etc/passwd\"/>&\u{0}";
        let shown = Tile { place, file: None, caption: person(name), alone: false };
        let svg = tile(&shown, &Style::new(place, 720), false, &words(&shown.caption), 100.0);
        assert!(!svg.contains("<image") && svg.contains("&lt;image") && !svg.contains('\u{0}'), "{svg}");
    }
}
