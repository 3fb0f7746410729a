//! Where the kilobytes of a server go: [`smaps`] splits what is resident, [`massif`] what is on the heap, by who asked for it.

pub mod massif;
pub mod smaps;

use anyhow::{Context, Result};

/// What is told apart on the heap, and what names it: the first frame, from the allocation outwards, that has one of the words.
pub const PARTS: &[(&str, &[&str])] = &[
    ("last second of video", &["/ingress/history"]),
    ("sent-packet book", &["/estimate/book"]),
    ("streams to receivers", &["connect_receiver", "core/egress/"]),
    ("DTLS", &["rtc_dtls", "endpoint/dtls"]),
    ("SRTP", &["core/srtp/"]),
    ("ICE", &["endpoint/ice.rs", "endpoint/agents.rs"]),
    ("sources", &["endpoint/source.rs", "endpoint/encoding.rs", "Endpoint::set_sources"]),
    ("endpoint itself", &["Conference::insert", "core/endpoint/", "core/orders"]),
    ("batch buffers", &["shell/outbox.rs", "shell/udp.rs"]),
    ("bridge, rest", &["bridge::", "/bridge/src/"]),
    ("entropy", &["jent_"]),
    ("TLS", &["rustls", "aws_lc_rs::tls", "signal::shell::tls"]),
    ("WebSocket", &["tungstenite", "/shell/socket.rs", "/shell/upgrade.rs"]),
    ("XML", &["jitsi_wire::xmpp", "/jitsi-wire/src/xmpp", "xmpp::"]),
    ("rooms", &["signal::muc", "signal/src/muc"]),
    ("focus", &["signal::focus", "signal/src/focus"]),
    ("sessions and their outboxes", &["signal::c2s", "signal/src/c2s", "/shell/outbox.rs", "/shell/hub.rs"]),
    ("name in the local network", &["mdns_sd"]),
    ("log", &["tracing_subscriber", "sharded_slab", "moothall::logs"]),
    ("HTTP, pages, certificates", &["signal::shell", "signal/src/shell", "appliance/src", "moothall::"]),
    ("runtime", &["tokio", "mio::", "std::"]),
];

/// The first of [`PARTS`] that a chain of callers, from the allocation outwards, belongs to.
pub fn part<'a>(callers: impl IntoIterator<Item = &'a str>) -> &'static str {
    let named = |frame: &str| PARTS.iter().find(|(_, words)| words.iter().any(|word| frame.contains(word)));
    // Functions of the standard library name the types that they are made for.
    let ours = callers.into_iter().filter(|frame| !frame.contains("/rustc/"));
    ours.into_iter().find_map(named).map_or("others", |(name, _)| name)
}

/// KiB of what has a name.
pub type Split = Vec<(String, f64)>;

/// Of each part, what one has more than the other, for each of so many.
pub fn more(before: &Split, after: &Split, each: f64) -> Split {
    let was = |name: &str| before.iter().find(|(known, _)| known == name).map_or(0.0, |(_, kib)| *kib);
    sorted(after.iter().map(|(name, kib)| (name.clone(), (kib - was(name)) / each)).collect())
}

/// The largest first.
pub fn sorted(mut split: Split) -> Split {
    split.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    split
}

/// A table for people; what is smaller than `least` is joined.
pub fn table(title: &str, split: &Split, least: f64) -> String {
    let mut out = format!("{title}\n");
    let (large, small): (Vec<_>, Vec<_>) = split.iter().partition(|(_, kib)| *kib >= least);
    for (name, kib) in large {
        out += &format!("  {name:<44} {kib:>8.1} KiB\n");
    }
    let rest: f64 = small.iter().map(|(_, kib)| *kib).sum();
    let all: f64 = split.iter().map(|(_, kib)| *kib).sum();
    out += &format!("  {:<44} {rest:>8.1} KiB\n  {:<44} {all:>8.1} KiB\n", "what is smaller", "all");
    out
}

/// Puts another part to those of the same name.
fn add(split: &mut Split, name: &str, kib: f64) {
    match split.iter_mut().find(|(known, _)| known == name) {
        Some((_, sum)) => *sum += kib,
        None => split.push((name.to_owned(), kib)),
    }
}

fn number(text: &str) -> Result<f64> {
    text.trim().parse().with_context(|| format!("a number: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asked_first_gives_the_name() {
        let callers = ["alloc::vec::push (vec.rs:1)", "rustls::conn::new", "bridge::core::Bridge::apply"];
        assert_eq!(part(callers), "TLS");
        assert_eq!(part(["push (/w/bridge/src/core/egress/mod.rs:7)", "bridge::x"]), "streams to receivers");
        assert_eq!(part(["push<bridge::x> (/rustc/1/library/a.rs:1)", "main"]), "others");
    }

    #[test]
    fn what_was_there_before_does_not_count() {
        let (before, after) = (vec![("a".to_owned(), 2.0)], vec![("a".to_owned(), 6.0), ("b".to_owned(), 8.0)]);
        assert_eq!(more(&before, &after, 2.0), [("b".to_owned(), 4.0), ("a".to_owned(), 2.0)]);
        assert!(table("t", &after, 7.0).contains("what is smaller                                   6.0 KiB"));
    }
}
