//! Header fields that every answer carries.

use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};

use super::authority::Authority;

/// Which page is to be protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// Ours: no inline script, no inline style, nobody else's server.
    Strict,
    /// A stock Jitsi Meet: inline scripts and styles, WebAssembly, avatars.
    Stock,
    /// A picture that somebody configured; SVG is a document and gets no rights at all.
    Picture,
}

pub(super) fn protect(headers: &mut HeaderMap, policy: Policy, authority: &Authority) {
    let text = match policy {
        Policy::Strict => format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
             media-src 'self' blob:; connect-src 'self' wss://{authority} ws://{authority}; font-src 'self'; \
             manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
        ),
        Policy::Stock => format!(
            "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; worker-src 'self' blob:; \
             style-src 'self' 'unsafe-inline'; img-src 'self' data: blob: https:; media-src 'self' data: blob:; \
             connect-src 'self' wss://{authority} ws://{authority}; font-src 'self' data:; object-src 'none'; \
             base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
        ),
        Policy::Picture => "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'".to_owned(),
    };
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(CONTENT_SECURITY_POLICY, value);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), \
             screen-wake-lock=(self), fullscreen=(self), autoplay=(self), geolocation=(), payment=(), usb=()",
        ),
    );
}
