//! What can be said of where a conference is to be exported to without knowing what runs (rules of jitsi-videobridge
//! `ExporterWrapper`).

use std::collections::BTreeSet;

use jitsi_wire::colibri2::{Connect, HttpHeader, Refusal};

use super::check::{MAX_ID, is_id};

/// In one order: no conference has more than these.
const MAX_CONNECTS: usize = 16;
const MAX_URL: usize = 2048;
const MAX_HEADERS: usize = 32;
/// Of one header, in bytes: a token may be long.
const MAX_HEADER: usize = 8192;

pub(super) fn check(connects: &[Connect]) -> Result<(), Refusal> {
    if connects.len() > MAX_CONNECTS {
        return Err(Refusal::BadRequest("too many connects"));
    }
    let ended = || connects.iter().filter(|connect| connect.expire);
    let others = || connects.iter().filter(|connect| !connect.expire);
    if !are_different(ended()) || !are_different(others()) {
        return Err(Refusal::BadRequest("a connect twice"));
    }
    connects.iter().try_for_each(check_one)
}

fn are_different<'a>(mut connects: impl Iterator<Item = &'a Connect>) -> bool {
    let mut seen = BTreeSet::new();
    connects.all(|connect| seen.insert(&connect.id))
}

fn check_one(connect: &Connect) -> Result<(), Refusal> {
    if connect.video {
        return Err(Refusal::NotImplemented("video in a connect"));
    }
    let is_url =
        connect.url.len() <= MAX_URL && ["ws://", "wss://"].iter().any(|scheme| connect.url.starts_with(scheme));
    if !is_id(&connect.id, MAX_ID) || !is_url {
        return Err(Refusal::BadRequest("a connect"));
    }
    if connect.http_headers.len() > MAX_HEADERS || !connect.http_headers.iter().all(is_header) {
        return Err(Refusal::BadRequest("an HTTP header of a connect"));
    }
    Ok(())
}

fn is_header(header: &HttpHeader) -> bool {
    let is_name =
        !header.name.is_empty() && header.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_name && header.name.len() + header.value.len() <= MAX_HEADER && !header.value.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::super::tests::connect;
    use super::*;

    #[test]
    fn what_cannot_be_exported_is_refused() {
        assert_eq!(check(&[connect("a"), connect("b")]), Ok(()));
        let video = Connect { video: true, ..connect("a") };
        assert!(matches!(check(&[video]), Err(Refusal::NotImplemented(_))));
        let elsewhere = Connect { url: "https://recorder.example/".to_owned(), ..connect("a") };
        let header = HttpHeader { name: "X-A".to_owned(), value: "a\r\nX-B: b".to_owned() };
        let injecting = Connect { http_headers: vec![header], ..connect("a") };
        for bad in [&[elsewhere][..], &[injecting], &[connect("")], &[connect("a"), connect("a")]] {
            assert!(matches!(check(bad), Err(Refusal::BadRequest(_))), "{bad:?}");
        }
        let replaced = [Connect { expire: true, ..connect("a") }, Connect { create: true, ..connect("a") }];
        assert_eq!(check(&replaced), Ok(()));
    }
}
