//! Combinations that cannot work, refused with the key that has to change.

use std::net::IpAddr;

use crate::{Config, ConfigError, Place, Service, ServiceKind};

/// They are told apart by so many letters.
const MOST_WORKERS: usize = 16;

/// A refusal without its place.
struct Conflict {
    key: &'static str,
    problem: String,
    remedy: String,
}

fn conflict(key: &'static str, problem: impl Into<String>, remedy: impl Into<String>) -> Result<(), Conflict> {
    Err(Conflict { key, problem: problem.into(), remedy: remedy.into() })
}

/// All checks that need more than one value, or more than its type.
pub(crate) fn check(config: &Config) -> Result<(), ConfigError> {
    let all = [network, tls, bridge, signal, branding, recorder];
    for check in all {
        check(config).map_err(|Conflict { key, problem, remedy }| {
            // A value that nobody wrote cannot conflict by itself: a conflict always has a written key.
            let place = config.origins.place(key).cloned().unwrap_or(Place::Flag("the defaults"));
            ConfigError::Impossible { place, key, problem, remedy }
        })?;
    }
    Ok(())
}

fn network(config: &Config) -> Result<(), Conflict> {
    let network = &config.network;
    for (key, addresses) in
        [("network.addresses", &network.addresses), ("network.media_addresses", &network.media_addresses)]
    {
        if addresses.is_empty() {
            return conflict(
                key,
                "the list is empty, so nobody could connect",
                "leave the key out to listen everywhere",
            );
        }
        if let Some(twice) = first_twice(addresses) {
            return conflict(key, format!("{twice} is listed twice"), "list it once");
        }
        let unspecified = addresses.iter().find(|ip| ip.is_unspecified());
        let covered = unspecified.and_then(|any| {
            addresses.iter().find(|ip| !ip.is_unspecified() && ip.is_ipv4() == any.is_ipv4()).map(|ip| (any, ip))
        });
        if let Some((any, ip)) = covered {
            return conflict(key, format!("\"{any}\" covers {ip} already"), "list one of them");
        }
    }
    if network.http_redirect.is_some_and(|port| port == network.port && port.0 != 0) {
        return conflict(
            "network.http_redirect",
            "network.port is the same, and sends plain HTTP to HTTPS by itself",
            "leave the key out, or write another port",
        );
    }
    Ok(())
}

fn tls(config: &Config) -> Result<(), Conflict> {
    let tls = &config.tls;
    match (&tls.cert, &tls.key) {
        (Some(_), None) => return conflict("tls.cert", "there is no tls.key", "set both, or neither"),
        (None, Some(_)) => return conflict("tls.key", "there is no tls.cert", "set both, or neither"),
        _ => {}
    }
    if tls.behind_proxy.is_empty() {
        return Ok(());
    }
    if tls.cert.is_some() {
        return conflict(
            "tls.behind_proxy",
            "behind a proxy the box serves plain HTTP and needs no tls.cert",
            "remove one of them",
        );
    }
    if config.network.http_redirect.is_some() {
        return conflict(
            "network.http_redirect",
            "behind a proxy there is no HTTPS to send anybody to",
            "leave the key out",
        );
    }
    match config.network.addresses.iter().find(|ip| !ip.is_loopback()) {
        Some(open) => conflict(
            "tls.behind_proxy",
            format!("the box would serve plain HTTP on {open}, where others can listen in"),
            "set network.addresses = [\"127.0.0.1\"]",
        ),
        None => Ok(()),
    }
}

fn bridge(config: &Config) -> Result<(), Conflict> {
    let bridge = &config.bridge;
    if bridge.srtp_profiles.is_empty() {
        return conflict(
            "bridge.srtp_profiles",
            "the list is empty, so no call could be encrypted",
            "leave the key out",
        );
    }
    if first_twice(&bridge.srtp_profiles).is_some() {
        return conflict("bridge.srtp_profiles", "a profile is listed twice", "list it once");
    }
    if bridge.workers.is_some_and(|workers| workers.get() > MOST_WORKERS) {
        return conflict(
            "bridge.workers",
            format!("there are at most {MOST_WORKERS}"),
            "write as many as there are processors to spare, or leave the key out",
        );
    }
    if let Some(local) = bridge.public_addresses.iter().find(|ip| unreachable(**ip)) {
        return conflict(
            "bridge.public_addresses",
            format!("nobody on the internet can reach {local}"),
            "write the address that the internet sees",
        );
    }
    let only_loopback = config.network.media_addresses.iter().all(IpAddr::is_loopback);
    for (key, wanted) in [
        ("bridge.public_addresses", !bridge.public_addresses.is_empty()),
        ("bridge.stun_servers", !bridge.stun_servers.is_empty()),
    ] {
        if wanted && only_loopback {
            return conflict(
                key,
                "audio and video listen on loopback alone (network.media_addresses)",
                "remove this key, or listen on an address that the network reaches",
            );
        }
    }
    Ok(())
}

fn signal(config: &Config) -> Result<(), Conflict> {
    let signal = &config.signal;
    if signal.codecs.order().is_empty() {
        return conflict("signal.codecs", "the list is empty, so there would be no video", "leave the key out");
    }
    if let Some(twice) = first_twice(signal.codecs.order()) {
        return conflict("signal.codecs", format!("\"{}\" is listed twice", twice.name()), "list it once");
    }
    let limit = signal.max_stanza.get();
    if !(64 * 1024..=4 * 1024 * 1024).contains(&limit) {
        return conflict(
            "signal.max_stanza",
            format!("{} is out of range", signal.max_stanza),
            "write 64 KiB to 4 MiB",
        );
    }
    signal.services.iter().try_for_each(service)
}

fn service(service: &Service) -> Result<(), Conflict> {
    const KEY: &str = "signal.services";
    let relay = service.kind != ServiceKind::Stun;
    let host = &service.host;
    if service.port.0 == 0 {
        return conflict(KEY, format!("{host} has port 0"), "write its real port");
    }
    let given = service.username.is_some() || service.password.is_some();
    let complete = service.username.is_some() && service.password.is_some();
    if !relay && given {
        return conflict(
            KEY,
            format!("a STUN server ({host}) takes no credentials"),
            "remove them, or write type = \"turn\"",
        );
    }
    if relay && !complete {
        let problem = format!("the TURN server {host} has no complete credentials");
        return conflict(KEY, problem, "set username and password");
    }
    Ok(())
}

fn branding(config: &Config) -> Result<(), Conflict> {
    let branding = &config.branding;
    if !(1..=80).contains(&branding.name.trim().chars().count()) {
        return conflict("branding.name", "the name is empty or too long", "write 1 to 80 characters");
    }
    if branding.welcome.chars().count() > 400 {
        return conflict("branding.welcome", "the text is too long", "write at most 400 characters");
    }
    if let Some(logo) = &branding.logo {
        let known = ["svg", "png", "jpg", "jpeg", "webp"];
        let extension = logo.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        if !known.contains(&extension.as_str()) {
            return conflict(
                "branding.logo",
                format!("{} is no picture that browsers show", logo.display()),
                "use an SVG, PNG, JPEG or WebP file",
            );
        }
    }
    Ok(())
}

fn recorder(config: &Config) -> Result<(), Conflict> {
    let recorder = &config.recorder;
    if let Some(url) = &recorder.webhook_url {
        if !(url.starts_with("https://") || url.starts_with("http://")) {
            return conflict("recorder.webhook_url", "this is no address of a server", "begin it with https://");
        }
        if recorder.webhook_secret_file.is_none() {
            let remedy =
                "write a secret of 24 characters or more to a file, and name it in `recorder.webhook_secret_file`";
            return conflict("recorder.webhook_url", "nothing says how it is signed", remedy);
        }
    }
    for room in &recorder.rooms {
        if room.is_empty() || (room != "*" && room.chars().any(|c| c.is_whitespace() || "@/*".contains(c))) {
            let problem = format!("`{room}` is no room");
            return conflict("recorder.rooms", problem, "write it as in the address of the meeting, or \"*\" for all");
        }
    }
    Ok(())
}

fn unreachable(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || ip.is_multicast()
}

fn first_twice<T: PartialEq>(list: &[T]) -> Option<&T> {
    list.iter()
        .enumerate()
        .find(|(at, item)| list.iter().take(*at).any(|earlier| earlier == *item))
        .map(|(_, item)| item)
}
