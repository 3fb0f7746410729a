//! Does the box reach itself at each address that it tells others: the page over TCP, sound and picture over UDP?

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::timeout;

use super::call::{self, Broken, Stage};
use super::certificate::{Shown, Signer};
use super::check::Check;
use super::line::{Chain, Door};
use crate::dates;
use crate::status::{Certificate, Media, Reach, Status};

/// For one answer of the page.
const PAGE: Duration = Duration::from_secs(5);
/// Addresses that are tried; few boxes have more than four.
const MAX_ADDRESSES: usize = 8;
/// What a call takes of the box for some seconds.
const GUESTS: usize = 2;

/// Page, certificate and calls. Everything that waits does so at once.
pub(super) fn check(status: &Status) -> Vec<Check> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(all(status)),
        Err(error) => {
            let text = format!("could not be tried: {error}");
            vec![Check::bad("call", text, "end other programs on this machine, or restart it")]
        }
    }
}

async fn all(status: &Status) -> Vec<Check> {
    let doors = doors(status);
    let knocked =
        together(
            doors.iter().map(|door| {
                let door = *door;
                async move {
                    (door, timeout(PAGE, door.knock()).await.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer"))))
                }
            }),
        )
        .await;
    let mut checks: Vec<Check> = knocked.iter().map(|(door, knocked)| page(status, *door, knocked)).collect();
    let open: Vec<Door> = knocked.iter().filter(|(_, knocked)| knocked.is_ok()).map(|(door, _)| *door).collect();
    let shown = knocked.iter().find_map(|(door, knocked)| Some((*door, knocked.as_ref().ok()?)));
    if let (Some(said), Some((door, chain))) = (&status.certificate, shown) {
        checks.push(certificate(status, said, door, chain).await);
    }
    checks.extend(calls(status, &open).await);
    checks
}

async fn certificate(status: &Status, said: &Certificate, door: Door, chain: &Chain) -> Check {
    let signer = match &said.trust {
        Some(page) => Signer::Box { page, root: timeout(PAGE, door.authority()).await.ok().and_then(Result::ok) },
        None => Signer::Other,
    };
    let hosts: Vec<String> = status.addresses.iter().filter_map(|url| host_of(url)).collect();
    Shown { chain, signer, hosts: &hosts, now: dates::now() }.check()
}

/// Addresses of the page: of each URL that has one, else what it listens on.
fn doors(status: &Status) -> Vec<Door> {
    let tls = status.certificate.is_some();
    let listening = status.listening.tcp.first();
    let Some(port) = listening.map(SocketAddr::port) else { return Vec::new() };
    let mut addresses: Vec<SocketAddr> = Vec::new();
    let loopback = |family: &SocketAddr| match family.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let told = status.addresses.iter().filter_map(|url| host_of(url)?.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    let heard = status.listening.tcp.iter().map(loopback);
    for ip in told.chain(heard) {
        let address = SocketAddr::new(ip, port);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses.into_iter().take(MAX_ADDRESSES).map(|address| Door { address, tls }).collect()
}

/// `hall.local` of `https://hall.local:8443/`, `[fd00::2]` of `https://[fd00::2]/`.
fn host_of(url: &str) -> Option<String> {
    let authority = url.strip_prefix("https://")?.split('/').next()?;
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    authority.get(..end).map(str::to_owned)
}

fn is_public(status: &Status, ip: IpAddr) -> bool {
    status.media.iter().any(|media| media.reach == Reach::Public && media.address.ip() == ip)
}

fn page(status: &Status, door: Door, knocked: &anyhow::Result<Chain>) -> Check {
    let subject = door.address.to_string();
    let check = match knocked {
        Ok(_) => Check::good("page", "answers"),
        Err(error) if is_public(status, door.address.ip()) => {
            let text = format!(
                "does not answer from inside ({error:#}): perhaps the router does not let it call itself (NAT hairpin); people outside may get through"
            );
            let remedy = format!(
                "try it from outside, such as a phone on mobile data; if it fails there, forward TCP port {} to this box in the router",
                door.address.port()
            );
            Check::warning("page", text, remedy)
        }
        Err(error) => Check::bad(
            "page",
            format!("does not answer ({error:#}): nobody gets in at this address"),
            format!("open TCP port {} in the firewall of this machine", door.address.port()),
        ),
    };
    check.of(subject)
}

async fn calls(status: &Status, open: &[Door]) -> Vec<Check> {
    let targets: Vec<Media> = status.media.iter().copied().take(MAX_ADDRESSES).collect();
    if targets.is_empty() {
        return vec![Check::bad(
            "call",
            "no address is offered for sound and picture: nobody hears or sees anybody",
            "connect a network, or look at `bridge.interfaces` and `network.media_addresses`",
        )];
    }
    if open.is_empty() {
        return Vec::new();
    }
    if is_full(status, targets.len()) {
        let text = "was left out: the box is so full that a call to itself would take the places of people";
        return vec![Check::warning("call", text, "run this again when fewer people are here")];
    }
    together(targets.into_iter().map(|media| async move {
        let heard = match door_for(media, open) {
            Some(door) => call::call(door, &status.domain, media.address).await,
            None => Err(Broken { stage: Stage::Signaling, why: "there is no way to sign in".to_owned() }),
        };
        judge(media, heard)
    }))
    .await
}

/// People come first.
fn is_full(status: &Status, calls: usize) -> bool {
    let limits = &status.limits;
    status.rooms + calls >= limits.rooms
        || status.sessions + GUESTS * calls >= limits.sessions
        || status.participants + GUESTS * calls >= limits.participants
}

/// The page at the same address if it is open. Loopback is offered to none but those who come over it.
fn door_for(media: Media, open: &[Door]) -> Option<Door> {
    let same = open.iter().find(|door| door.address.ip() == media.address.ip());
    let like = || open.iter().find(|door| door.address.ip().is_loopback() == (media.reach == Reach::Loopback));
    same.or_else(like).or_else(|| open.first()).copied()
}

fn judge(media: Media, heard: Result<Duration, Broken>) -> Check {
    let port = media.address.port();
    let check = match heard {
        Ok(took) => Check::good("call", format!("two guests heard each other after {} ms", took.as_millis())),
        Err(Broken { stage: Stage::Signaling, why }) => {
            let remedy = "look at the log of the host (`journalctl -u moothall-host`)";
            Check::bad("call", format!("no meeting came about ({why})"), remedy)
        }
        Err(_) if media.reach == Reach::Public => Check::warning(
            "call",
            format!(
                "UDP port {port} does not answer from inside: perhaps the router does not let it call itself (NAT hairpin). People inside use the local addresses; people outside may get through"
            ),
            format!(
                "call with three people of whom one is outside, such as on mobile data; if that one hears nobody, forward UDP port {port} to this box in the router, or correct `bridge.public_addresses`"
            ),
        ),
        Err(Broken { stage: Stage::NoPath, .. }) => Check::bad(
            "call",
            format!(
                "nothing comes back from UDP port {port}: people see the page and each other's names, and hear and see nobody"
            ),
            format!("open UDP port {port} in the firewall of this machine, both ways"),
        ),
        Err(Broken { stage, why }) => {
            let what =
                if stage == Stage::NoKeys { "no secure connection came about" } else { "sound did not get through" };
            let remedy =
                "something between drops large or many packets: look at the network's MTU, then at the log of the host";
            Check::bad("call", format!("{what} over UDP port {port} ({why})"), remedy)
        }
    };
    check.of(media.address.to_string())
}

/// All at once, in order.
async fn together<T, F: Future<Output = T>>(all: impl Iterator<Item = F>) -> Vec<T> {
    let mut waiting: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        let mut ready = true;
        for (future, outcome) in &mut waiting {
            if outcome.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *outcome = Some(value);
            }
            ready &= outcome.is_some();
        }
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    waiting.into_iter().filter_map(|(_, outcome)| outcome).collect()
}

#[cfg(test)]
mod tests {
    use super::super::check::Verdict;
    use super::*;
    use crate::status::tests::status;

    fn media(address: &str, reach: Reach) -> Media {
        Media { address: address.parse().unwrap(), reach }
    }

    #[test]
    fn hosts_are_cut_out_of_urls() {
        for (url, host) in [
            ("https://hall.local:8443/", "hall.local"),
            ("https://192.0.2.2/", "192.0.2.2"),
            ("https://[fd00::2]:8443/", "[fd00::2]"),
        ] {
            assert_eq!(host_of(url).as_deref(), Some(host));
        }
        assert_eq!(host_of("nonsense"), None);
    }

    #[test]
    fn the_page_is_tried_at_each_address_and_at_loopback_once() {
        let addresses: Vec<String> = doors(&status()).iter().map(|door| door.address.to_string()).collect();
        assert_eq!(addresses, ["192.168.1.20:8443", "127.0.0.1:8443"]);
    }

    #[test]
    fn a_public_address_that_cannot_be_called_from_inside_is_a_warning_and_any_other_is_bad() {
        let broken = |stage| Err(Broken { stage, why: "silence".to_owned() });
        let local = media("192.168.1.20:10000", Reach::Local);
        let public = media("198.51.100.7:10000", Reach::Public);
        for (media, heard, verdict, part) in [
            (local, Ok(Duration::from_millis(300)), Verdict::Good, "300 ms"),
            (local, broken(Stage::NoPath), Verdict::Bad, "UDP port 10000"),
            (local, broken(Stage::NoKeys), Verdict::Bad, "secure"),
            (local, broken(Stage::NoMedia), Verdict::Bad, "sound"),
            (public, broken(Stage::NoPath), Verdict::Warning, "hairpin"),
            (public, broken(Stage::Signaling), Verdict::Bad, "silence"),
        ] {
            let check = judge(media, heard);
            assert_eq!(check.verdict, verdict, "{check:?}");
            assert!(check.meaning.contains(part), "{check:?}");
        }
    }

    #[test]
    fn a_full_box_is_not_called() {
        let mut full = status();
        assert!(!is_full(&full, 2));
        full.sessions = full.limits.sessions - 4;
        assert!(is_full(&full, 2));
    }

    #[test]
    fn loopback_is_called_over_loopback() {
        let open = ["192.168.1.20:8443", "127.0.0.1:8443"]
            .map(|address| Door { address: address.parse().unwrap(), tls: true });
        let door = |media| door_for(media, &open).map(|door| door.address.ip().to_string());
        assert_eq!(door(media("127.0.0.1:10000", Reach::Loopback)).as_deref(), Some("127.0.0.1"));
        assert_eq!(door(media("198.51.100.7:10000", Reach::Public)).as_deref(), Some("192.168.1.20"));
        assert_eq!(door_for(media("127.0.0.1:1", Reach::Loopback), &[]), None);
    }
}
