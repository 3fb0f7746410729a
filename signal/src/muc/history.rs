//! What was said to all, for those who come later: bounded in count and in bytes.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jitsi_wire::xmpp::xml::{escape_attr, escape_text};
use jitsi_wire::xmpp::{Element, ns};

use super::limits::MucLimits;
use super::occupant::Occupant;
use super::presence::{Presence, written};

/// Messages whose authors are remembered, so that they can retract them.
const MAX_AUTHORS: usize = 200;
/// Bytes of a message id; a longer one is relayed, but nobody can refer to it.
const MAX_ID: usize = 128;

/// The memory of one room. Private messages never get here.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Message id and bare address of its author, oldest first.
    authors: VecDeque<(Box<str>, Box<str>)>,
}

/// A message or a reaction to one.
#[derive(Debug)]
struct Entry {
    id: Box<str>,
    /// The message that this is a reaction to.
    reacts_to: Option<Box<str>>,
    nick: Box<str>,
    author: Box<str>,
    at: SystemTime,
    attrs: Box<str>,
    children: Box<str>,
}

impl Entry {
    fn bytes(&self) -> usize {
        let parts = [&self.id, &self.nick, &self.author, &self.attrs, &self.children];
        parts.iter().map(|part| part.len()).sum::<usize>() + size_of::<Self>()
    }
}

/// How much of the history somebody wants (XEP-0045, 7.2.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    stanzas: usize,
    chars: usize,
    since: SystemTime,
}

impl Wanted {
    /// What the `x` of a join asks for; all that there is when it says nothing.
    pub(super) fn of(join: &Element, now: SystemTime) -> Self {
        let history = join.child("history");
        let number = |name: &str| history.and_then(|h| h.attr(name)).and_then(|text| text.trim().parse::<u64>().ok());
        let count = |name: &str| number(name).map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
        let seconds = number("seconds").and_then(|n| now.checked_sub(Duration::from_secs(n)));
        let since = history.and_then(|h| h.attr("since")).and_then(instant);
        Self {
            stanzas: count("maxstanzas"),
            chars: count("maxchars"),
            since: [seconds, since].into_iter().flatten().max().unwrap_or(UNIX_EPOCH),
        }
    }
}

impl History {
    /// Remembers a message or reaction as it was relayed.
    pub(super) fn remember(&mut self, at: SystemTime, from: &Occupant, relayed: &Element, limits: &MucLimits) {
        let id = relayed.attr("id").unwrap_or_default();
        let author = from.bare();
        let reaction = relayed.child_in("reactions", ns::REACTIONS);
        let reacts_to = reaction.and_then(|r| r.attr("id")).map(Box::from);
        match &reacts_to {
            // One's later reaction to the same message takes the place of the one before.
            Some(_) => self.forget(|e| e.reacts_to == reacts_to && *e.author == *author),
            None => self.remember_author(id, &author),
        }
        let Presence { mut attrs, mut children } = written(relayed);
        if !id.is_empty() {
            let mut with_id = String::from(attrs) + " id='";
            escape_attr(id, &mut with_id);
            with_id.push('\'');
            attrs = with_id.into();
        }
        if let Some(name) = &from.name {
            // Whoever reads it later may not find the author in the room any more.
            let mut named = String::from(children) + "<display-name xmlns='" + ns::DISPLAY_NAME + "'>";
            escape_text(name, &mut named);
            named.push_str("</display-name>");
            children = named.into();
        }
        let nick = from.nick.clone();
        let entry = Entry { id: id.into(), reacts_to, nick, author: author.into(), at, attrs, children };
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > limits.history_messages || self.bytes > limits.history_bytes {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes();
        }
    }

    /// The frames for somebody who has come in, oldest first.
    pub(super) fn replay<'a>(&'a self, wanted: Wanted, to: &'a Occupant) -> impl Iterator<Item = String> + use<'a> {
        let mut first = self.entries.len();
        let mut chars = 0;
        for (at, entry) in self.entries.iter().enumerate().rev() {
            chars += entry.bytes();
            if self.entries.len() - at > wanted.stanzas || chars > wanted.chars || entry.at < wanted.since {
                break;
            }
            first = at;
        }
        self.entries.iter().skip(first).map(move |entry| frame(entry, to))
    }

    /// Takes back a message with all reactions to it.
    pub(super) fn retract(&mut self, id: &str) {
        self.forget(|e| *e.id == *id || e.reacts_to.as_deref() == Some(id));
    }

    /// This address wrote the message.
    pub(super) fn is_author(&self, id: &str, bare: &str) -> bool {
        self.authors.iter().any(|(i, author)| **i == *id && **author == *bare)
    }

    /// The first one who used an id is the author: whoever uses it again must not be able to take the message back.
    fn remember_author(&mut self, id: &str, bare: &str) {
        if id.is_empty() || id.len() > MAX_ID || self.authors.iter().any(|(known, _)| **known == *id) {
            return;
        }
        if self.authors.len() >= MAX_AUTHORS {
            self.authors.pop_front();
        }
        self.authors.push_back((id.into(), bare.into()));
    }

    fn forget(&mut self, which: impl Fn(&Entry) -> bool) {
        self.entries.retain(|entry| !which(entry));
        self.bytes = self.entries.iter().map(Entry::bytes).sum();
    }
}

fn frame(entry: &Entry, to: &Occupant) -> String {
    let start = "<message xmlns='jabber:client' type='groupchat' from='";
    let delay = ["<delay xmlns='urn:xmpp:delay' from='", &*to.address, "' stamp='", &stamp(entry.at), "'/>"].concat();
    let end = "</message>";
    [start, &*to.address, "/", &entry.nick, "' to='", &to.to, "'", &entry.attrs, ">", &entry.children, &delay, end]
        .concat()
}

/// A point in time as XEP-0082 writes it, to the second.
fn stamp(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a day after 1970-01-01 in the Gregorian calendar.
fn date(days: u64) -> (u64, u64, u64) {
    // Years begin in March here, so that the day that comes and goes is the last one. Whole eras of 400 years are alike.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + carry, month, of_month)
}

/// Reads what [`stamp`] writes; fractions of a second are dropped.
fn instant(text: &str) -> Option<SystemTime> {
    let (date_part, time_part) = text.trim().strip_suffix('Z')?.split_once('T')?;
    let number = |text: Option<&str>, most: u64| text?.parse::<u64>().ok().filter(|n| *n <= most);
    let mut parts = date_part.split('-');
    let (year, month, day) = (number(parts.next(), 9999)?, number(parts.next(), 12)?, number(parts.next(), 31)?);
    let time_part = time_part.split_once('.').map_or(time_part, |(whole, _)| whole);
    let mut parts = time_part.split(':');
    let (hour, minute, second) = (number(parts.next(), 23)?, number(parts.next(), 59)?, number(parts.next(), 60)?);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month.checked_sub(1)? + 10) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    let seconds = days.checked_sub(719_469)? * 86_400 + hour * 3600 + minute * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use jitsi_wire::xmpp::{Jid, Limits};

    use super::*;

    fn occupant(nick: &str) -> Occupant {
        Occupant::named(&Jid::full_of(nick, "d", "r"), "room@c", nick)
    }

    fn message(id: &str, body: &str) -> Element {
        Element::new("message").with_attr("id", id).with_child(Element::new("body").with_text(body))
    }

    fn everything() -> Wanted {
        Wanted::of(&Element::new("x"), UNIX_EPOCH)
    }

    #[test]
    fn a_stamp_is_a_date_of_the_calendar_and_reads_back_as_the_same() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_790_000_000, "2026-09-21T14:13:20Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (seconds, text) in cases {
            let at = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(stamp(at), text);
            assert_eq!(instant(text), Some(at));
        }
        for day in (0..80_000).step_by(7) {
            let at = UNIX_EPOCH + Duration::from_secs(day * 86_400 + day % 86_400);
            assert_eq!(instant(&stamp(at)), Some(at));
        }
        assert_eq!(instant("2026-09-21T14:13:20.5Z"), instant("2026-09-21T14:13:20Z"));
    }

    #[test]
    fn what_is_no_stamp_asks_for_nothing_in_particular() {
        let texts = [
            "",
            "Z",
            "TZ",
            "now",
            "2026-13-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "2026-09-21",
            "99999-01-01T00:00:00Z",
        ];
        for text in texts {
            assert_eq!(instant(text), None, "{text}");
            let join = Element::new("x")
                .with_child(Element::new("history").with_attr("since", text).with_attr("seconds", text));
            assert_eq!(Wanted::of(&join, UNIX_EPOCH), everything(), "{text}");
        }
    }

    #[test]
    fn a_history_is_bounded_in_count_and_in_bytes() {
        let ada = occupant("ada");
        let limits = MucLimits { history_messages: 10, history_bytes: 4000, ..MucLimits::default() };
        let mut history = History::default();
        for n in 0..1000 {
            history.remember(UNIX_EPOCH, &ada, &message(&format!("m{n}"), "short"), &limits);
        }
        let frames: Vec<String> = history.replay(everything(), &ada).collect();
        assert_eq!(frames.len(), 10);
        assert!(frames[9].contains("id='m999'"));
        history.remember(UNIX_EPOCH, &ada, &message("long", &"x".repeat(3000)), &limits);
        assert!(history.bytes <= 4000 && (2..10).contains(&history.entries.len()));
        history.remember(UNIX_EPOCH, &ada, &message("longer", &"x".repeat(5000)), &limits);
        assert_eq!((history.bytes, history.entries.len()), (0, 0));
        assert!(history.authors.len() <= MAX_AUTHORS);
    }

    #[test]
    fn every_frame_of_a_replay_is_one_element() {
        let (ada, bob) = (occupant("ada"), occupant("bob"));
        let mut history = History::default();
        let hostile = "<message id='&apos;&lt;' xml:lang='de'><body>&lt;/message&gt;</body></message>";
        let hostile = Element::parse(hostile, &Limits::default()).unwrap();
        history.remember(UNIX_EPOCH, &ada, &hostile, &MucLimits::default());
        let frame = history.replay(everything(), &bob).next().unwrap();
        let element = Element::parse(&frame, &Limits::default()).unwrap();
        assert_eq!(element.attr("id"), Some("'<"));
        assert_eq!(element.child_text("body").as_deref(), Some("</message>"));
        assert_eq!(element.child_in("delay", ns::DELAY).unwrap().attr("stamp"), Some("1970-01-01T00:00:00Z"));
    }
}
