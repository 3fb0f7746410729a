//! The server's half of the WebSocket handshake (RFC 6455, 4.2).

use aws_lc_rs::digest;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};

/// What a request wants to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// An ordinary request.
    Plain,
    /// A WebSocket of another version, or a broken one.
    Unusable,
    /// The value of `Sec-WebSocket-Accept` for it.
    WebSocket(HeaderValue),
}

pub(super) fn wish(headers: &HeaderMap) -> Wish {
    if !has_token(headers, &UPGRADE, "websocket") || !has_token(headers, &CONNECTION, "upgrade") {
        return Wish::Plain;
    }
    let version = headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let accept =
        headers.get(SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok()).filter(|key| is_key(key)).map(accept_value);
    match accept.and_then(|accept| HeaderValue::from_str(&accept).ok()) {
        Some(accept) if version => Wish::WebSocket(accept),
        _ => Wish::Unusable,
    }
}

/// Fields of the 101 answer. No extension is ever agreed to: permessage-deflate costs far more memory per client than
/// its messages are worth. `subprotocol` is named if the client offered it.
pub(super) fn agree(
    request: &HeaderMap,
    answer: &mut HeaderMap,
    accept: HeaderValue,
    subprotocol: Option<&'static str>,
) {
    answer.insert(UPGRADE, HeaderValue::from_static("websocket"));
    answer.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(name) = subprotocol.filter(|name| has_token(request, &SEC_WEBSOCKET_PROTOCOL, name)) {
        answer.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
    }
}

fn has_token(headers: &HeaderMap, name: &hyper::header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// Base64 of 16 bytes.
fn is_key(key: &str) -> bool {
    key.len() == 24 && key.ends_with("==")
}

fn accept_value(key: &str) -> String {
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64(hash.finish().as_ref())
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut octets = chunk.iter().copied().chain(std::iter::repeat(0));
        let group = (0..3).fold(0_u32, |group, _| group << 8 | u32::from(octets.next().unwrap_or(0)));
        for position in 0..4_usize {
            let index = usize::try_from(group >> (18 - 6 * position) & 0x3f).unwrap_or(0);
            let digit = ALPHABET.get(index).copied().map_or('=', char::from);
            text.push(if position > chunk.len() { '=' } else { digit });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_value_is_that_of_the_rfc() {
        assert_eq!(accept_value("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn base64_pads_as_rfc_4648_says() {
        let expected = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (length, text) in expected.iter().enumerate() {
            assert_eq!(base64(&b"foobar"[..length]), *text);
        }
    }

    #[test]
    fn half_a_handshake_is_no_upgrade() {
        let headers = |fields: &[(&'static str, &'static str)]| {
            fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect::<HeaderMap>()
        };
        let base = [("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")];
        let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let with = |extra: &[(&'static str, &'static str)]| wish(&headers(&[&base[..], extra].concat()));
        assert!(matches!(with(&[key, ("sec-websocket-version", "13")]), Wish::WebSocket(_)));
        assert_eq!(with(&[key, ("sec-websocket-version", "8")]), Wish::Unusable);
        assert_eq!(with(&[("sec-websocket-version", "13")]), Wish::Unusable);
        assert_eq!(wish(&headers(&[("upgrade", "websocket")])), Wish::Plain);
    }
}
