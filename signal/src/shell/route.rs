//! What a path means.

use jitsi_wire::xmpp::jid::percent_decoded;

use super::trust::Item;

/// One of the paths of the HTTP surface. Unless said otherwise a tenant may stand before it; rooms know no tenants, so
/// it is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Config,
    InterfaceConfig,
    /// `/branding.json`, without tenant.
    Branding,
    /// `/branding/logo`, `/branding/logo.svg`, without tenant.
    Logo,
    /// `/about/health`, without tenant.
    Health,
    /// `/about/version`, without tenant.
    Version,
    /// `/about/feedback`, without tenant.
    Feedback,
    /// `/trust` and what belongs to it, without tenant.
    Trust(Item),
    /// `/setup` and the files that belong to it, without tenant: the file of this name.
    Setup(String),
    /// `/setup/api`, without tenant.
    SetupApi,
    /// `/recordings`, `/recordings/watch` and the files that belong to them, without tenant: the file of this name.
    Recordings(String),
    /// `/api/v1` and below, without tenant: what follows.
    Api(Vec<String>),
    Xmpp,
    /// `/conference-request/v1`.
    ConferenceRequest,
    /// XMPP in HTTP requests.
    Bosh,
    /// `/colibri-ws/SERVER/CONFERENCE/ENDPOINT`, without tenant.
    Channel {
        server: String,
        conference: String,
        endpoint: String,
    },
    /// The file of this name, or else the page if `page`, or else nothing.
    File {
        path: String,
        page: bool,
    },
    Nothing,
}

/// First segments that are no tenant, whatever the page consists of.
const RESERVED: &[&str] = &[
    ".well-known",
    "_api",
    "about",
    "api",
    "assets",
    "branding",
    "colibri-relay-ws",
    "colibri-ws",
    "conference-request",
    "css",
    "fonts",
    "images",
    "lang",
    "libs",
    "recordings",
    "setup",
    "sounds",
    "static",
];

/// Names that are asked for without being rooms.
const NEVER_ROOMS: &[&str] = &[
    "colibri-relay-ws",
    "colibri-ws",
    "external_api.js",
    "favicon.ico",
    "http-bind",
    "manifest.json",
    "pwa-worker.js",
    "robots.txt",
];

/// Reads the path of a request, still percent-encoded.
pub(super) fn route(path: &str) -> Route {
    let Some(segments) = segments(path) else { return Route::Nothing };
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let ["colibri-ws", rest @ ..] = segments.as_slice() {
        return match rest {
            [server, conference, endpoint] => Route::Channel {
                server: (*server).to_owned(),
                conference: (*conference).to_owned(),
                endpoint: (*endpoint).to_owned(),
            },
            _ => Route::Nothing,
        };
    }
    match segments.as_slice() {
        ["branding.json"] => return Route::Branding,
        ["branding", name] if *name == "logo" || name.starts_with("logo.") => return Route::Logo,
        ["about", "health"] => return Route::Health,
        ["about", "version"] => return Route::Version,
        ["about", "feedback"] => return Route::Feedback,
        ["setup"] => return Route::Setup("setup/index.html".to_owned()),
        ["setup", "api"] => return Route::SetupApi,
        ["recordings"] | ["recordings", "watch"] => return Route::Recordings("recordings/index.html".to_owned()),
        ["recordings", file] if is_file_name(file) => return Route::Recordings(format!("recordings/{file}")),
        ["api", "v1", rest @ ..] => return Route::Api(rest.iter().map(|&part| part.to_owned()).collect()),
        ["setup", file] if is_file_name(file) => return Route::Setup(format!("setup/{file}")),
        _ => {}
    }
    if let ["trust", rest @ ..] = segments.as_slice()
        && let Some(item) = Item::named(rest)
    {
        return Route::Trust(item);
    }
    let bare = match segments.as_slice() {
        [tenant, rest @ ..] if !rest.is_empty() && !RESERVED.contains(tenant) => rest,
        all => all,
    };
    match bare {
        ["config.js"] => Route::Config,
        ["interface_config.js"] => Route::InterfaceConfig,
        ["xmpp-websocket"] => Route::Xmpp,
        ["http-bind"] => Route::Bosh,
        ["conference-request", "v1"] => Route::ConferenceRequest,
        ["conference-request", ..] => Route::Nothing,
        _ => {
            let reserved = segments.len() > 1 && segments.first().is_some_and(|first| RESERVED.contains(first));
            let never = bare.last().is_some_and(|last| NEVER_ROOMS.contains(last));
            let page = segments.len() <= 2 && !reserved && !never;
            if segments.iter().all(|segment| is_file_name(segment)) {
                Route::File { path: segments.join("/"), page }
            } else if page {
                // A room may be called anything.
                Route::File { path: String::new(), page }
            } else {
                Route::Nothing
            }
        }
    }
}

/// Decoded segments; `None` if one of them could be taken for something else after decoding.
fn segments(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Some(Vec::new());
    }
    let segments = path.split('/').map(percent_decoded).collect::<Option<Vec<_>>>()?;
    let sound = |segment: &String| {
        !segment.is_empty()
            && segment != "."
            && segment != ".."
            && !segment.contains(['/', '\\'])
            && !segment.chars().any(char::is_control)
    };
    segments.iter().all(sound).then_some(segments)
}

/// A name that may be joined to a directory: nothing hidden, nothing that a file system reads otherwise.
fn is_file_name(segment: &str) -> bool {
    (!segment.starts_with('.') || segment == ".well-known") && !segment.contains(':')
}

/// The first value of a query parameter, decoded.
pub(super) fn query_value(query: &str, name: &str) -> Option<String> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| percent_decoded(value))
}

/// The room of `?room=` as it is called everywhere else; `None` if it is missing or cannot be one.
pub(super) fn room(query: Option<&str>) -> Option<String> {
    jitsi_wire::xmpp::jid::room_node(&query_value(query?, "room")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, page: bool) -> Route {
        Route::File { path: path.to_owned(), page }
    }

    #[test]
    fn rooms_and_tenants_get_the_page() {
        assert_eq!(route("/"), file("", true));
        assert_eq!(route("/Room"), file("Room", true));
        assert_eq!(route("/tenant/Room/"), file("tenant/Room", true));
        assert_eq!(route("/a%20room.with.dots"), file("a room.with.dots", true));
        assert_eq!(route("/.hidden"), file("", true));
        assert_eq!(route("/libs/app.js"), file("libs/app.js", false));
        assert_eq!(route("/a/b/c.js"), file("a/b/c.js", false));
        assert_eq!(route("/external_api.js"), file("external_api.js", false));
    }

    #[test]
    fn a_tenant_may_precede_what_clients_fetch() {
        for prefix in ["", "/tenant"] {
            assert_eq!(route(&format!("{prefix}/config.js")), Route::Config);
            assert_eq!(route(&format!("{prefix}/interface_config.js")), Route::InterfaceConfig);
            assert_eq!(route(&format!("{prefix}/xmpp-websocket")), Route::Xmpp);
            assert_eq!(route(&format!("{prefix}/http-bind")), Route::Bosh);
            assert_eq!(route(&format!("{prefix}/conference-request/v1")), Route::ConferenceRequest);
            assert_eq!(route(&format!("{prefix}/conference-request/v2")), Route::Nothing);
        }
        assert_eq!(route("/about/health"), Route::Health);
        assert_eq!(route("/about/feedback"), Route::Feedback);
        assert_eq!(route("/branding/logo.svg"), Route::Logo);
        assert_eq!(route("/setup"), Route::Setup("setup/index.html".to_owned()));
        assert_eq!(route("/setup/setup.js"), Route::Setup("setup/setup.js".to_owned()));
        assert_eq!(route("/setup/api"), Route::SetupApi);
        assert_eq!(route("/setup/a/b"), file("setup/a/b", false));
        assert_eq!(route("/tenant/setup"), file("tenant/setup", true));
        for page in ["/recordings", "/recordings/watch"] {
            assert_eq!(route(page), Route::Recordings("recordings/index.html".to_owned()));
        }
        assert_eq!(route("/recordings/recordings.js"), Route::Recordings("recordings/recordings.js".to_owned()));
        let rest = ["recordings", "a b", "f.mp4"].map(str::to_owned).to_vec();
        assert_eq!(route("/api/v1/recordings/a%20b/f.mp4"), Route::Api(rest));
        assert_eq!(route("/api/v1/recordings/%2e%2e/f.mp4"), Route::Nothing);
        assert_eq!(route("/api"), file("api", true));
        assert_eq!(route("/api/v2"), file("api/v2", false));
        assert_eq!(route("/trust/"), Route::Trust(Item::Leaflet));
        assert_eq!(route("/trust/moothall.crt"), Route::Trust(Item::Der));
        assert_eq!(route("/tenant/trust"), file("tenant/trust", true));
        assert_eq!(route("/trust/Room"), file("trust/Room", true));
    }

    #[test]
    fn a_channel_has_three_parts() {
        let parts = |server: &str, conference: &str, endpoint: &str| Route::Channel {
            server: server.to_owned(),
            conference: conference.to_owned(),
            endpoint: endpoint.to_owned(),
        };
        assert_eq!(route("/colibri-ws/s/c/e"), parts("s", "c", "e"));
        for path in
            ["/colibri-ws", "/colibri-ws/s/c", "/colibri-ws/s/c/e/f", "/colibri-ws//c/e", "/colibri-relay-ws/s/c/r"]
        {
            assert!(!matches!(route(path), Route::Channel { .. } | Route::File { page: true, .. }), "{path}");
        }
    }

    #[test]
    fn nothing_leaves_the_directory() {
        for path in [
            "",
            "*",
            "/..",
            "/../x",
            "/a/..",
            "/a/../b",
            "/%2e%2e/x",
            "/%2e%2e%2fx",
            "/a%2fb",
            "/a/%5c..%5cb",
            "/a%00b",
            "/a/./b",
            "//etc/passwd",
            "/a//b",
            "/%",
            "/%2",
            "/%zz",
            "/%ff",
            "/%0a",
            "/a/b/.git",
        ] {
            assert_eq!(route(path), Route::Nothing, "{path}");
        }
    }

    #[test]
    fn the_room_has_the_name_of_its_address() {
        assert_eq!(room(Some("token=x&room=My%20Room%2525")).as_deref(), Some("my%20room%25"));
        assert_eq!(room(Some("room=my%2520room")).as_deref(), Some("my%20room"));
        assert_eq!(room(Some("room=")), None);
        assert_eq!(room(Some("room=%ff")), None);
        assert_eq!(room(Some(&format!("room={}", "x".repeat(1024)))), None);
        assert_eq!(room(None), None);
    }
}
