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
    /// Ours where a box is set up: nobody has it in a frame, whatever else is allowed.
    Setup,
    /// Ours where recordings are played: nobody has it in a frame either.
    Recordings,
    /// Ours without any script: text, links and a style sheet, in nobody's frame.
    Leaflet,
    /// A picture that somebody configured; SVG is a document and gets no rights at all.
    Picture,
}

/// `embedders` are the origins that may have a page of ours in a frame, besides our own.
pub(super) fn protect(headers: &mut HeaderMap, policy: Policy, authority: &Authority, embedders: &[String]) {
    let ancestors = embedders.iter().fold("'self'".to_owned(), |list, origin| format!("{list} {origin}"));
    let text = match policy {
        Policy::Strict => format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
             media-src 'self' blob:; connect-src 'self' wss://{authority} ws://{authority}; font-src 'self'; \
             manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
        ),
        Policy::Stock => format!(
            "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; worker-src 'self' blob:; \
             style-src 'self' 'unsafe-inline'; img-src 'self' data: blob: https:; media-src 'self' data: blob:; \
             connect-src 'self' wss://{authority} ws://{authority}; font-src 'self' data:; object-src 'none'; \
             base-uri 'self'; form-action 'self'; frame-ancestors {ancestors}"
        ),
        Policy::Setup => {
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
                .to_owned()
        }
        Policy::Recordings => {
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; \
                               connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
                               frame-ancestors 'none'"
                .to_owned()
        }
        Policy::Leaflet => "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
                            frame-ancestors 'none'"
            .to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_pages_may_have_ours_in_a_frame() {
        let authority = Authority::parse("meet.example").unwrap();
        let policy = |policy, embedders: &[String]| {
            let mut headers = HeaderMap::new();
            protect(&mut headers, policy, &authority, embedders);
            headers[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned()
        };
        let listed = ["https://intranet.example".to_owned()];
        for page in [Policy::Strict, Policy::Stock] {
            assert!(policy(page, &[]).ends_with("frame-ancestors 'self'"));
            assert!(policy(page, &listed).ends_with("frame-ancestors 'self' https://intranet.example"));
        }
        for page in [Policy::Setup, Policy::Recordings, Policy::Picture] {
            assert!(policy(page, &listed).ends_with("frame-ancestors 'none'"));
        }
    }
}
