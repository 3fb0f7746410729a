//! What has to be looked at from time to time while meetings go on: addresses, names, certificate, public address, watchdog.

use std::cell::RefCell;
use std::future::pending;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use board_config::HostPort;
use bridge::shell::candidates::{self, LocalAddress, Mapping, Rules};
use bridge::shell::mailbox::{Letter, Mailbox};
use signal::shell::{Certificates, Trust};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::authority::Authority;
use super::certificate::{self, CertificateError, Label};
use super::desk::Whereabouts;
use super::mdns::Mdns;
use super::names;
use super::state_dir::StateDir;
use crate::notify::ServiceManager;

/// How often addresses and certificate files are looked at.
const LOOK: Duration = Duration::from_secs(10);
/// Home lines change their public address (bridge.md calls for a minute); until there is an answer we ask more often.
const DISCOVERY: Duration = Duration::from_secs(60);
const DISCOVERY_RETRY: Duration = Duration::from_secs(5);

/// The certificate in use and where it comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// Issued and kept here.
    Own { dir: StateDir, authority: Authority, label: Label },
    /// From the configuration.
    Files { cert: PathBuf, key: PathBuf, written: [Option<SystemTime>; 2] },
}

impl Source {
    /// How devices come to trust the certificate, if it is our own.
    pub(crate) fn trust(&self, name: &str) -> Option<Trust> {
        match self {
            Self::Own { authority, .. } => Some(authority.trust(name)),
            Self::Files { .. } => None,
        }
    }

    /// Where it is kept.
    pub(crate) fn dir(&self) -> Option<&Path> {
        match self {
            Self::Own { dir, .. } => Some(dir.path()),
            Self::Files { .. } => None,
        }
    }
}

/// Everything that the tasks need.
#[derive(Debug)]
pub(crate) struct Housekeeping {
    pub(crate) rules: Rules,
    pub(crate) addresses: Vec<LocalAddress>,
    pub(crate) whereabouts: watch::Sender<Whereabouts>,
    pub(crate) certificates: Option<(Certificates, Source)>,
    pub(crate) stun_servers: Vec<HostPort>,
    pub(crate) mailbox: Mailbox,
    pub(crate) manager: ServiceManager,
    pub(crate) mdns: Option<Mdns>,
}

impl Housekeeping {
    /// Never ends.
    pub(crate) async fn run(self, mappings: mpsc::UnboundedReceiver<Mapping>) {
        let Self { rules, addresses, whereabouts, certificates, stun_servers, mailbox, manager, mdns } = self;
        let known = RefCell::new((addresses, Vec::new()));
        let offer = Offer { rules, mailbox: mailbox.clone(), whereabouts, known };
        tokio::join!(
            look_around(&offer, certificates, mdns),
            collect_mappings(&offer, mappings),
            discover(&offer, &stun_servers),
            watchdog(&manager, &mailbox),
        );
    }
}

/// What clients are offered as candidates: local addresses, and mappings of them.
struct Offer {
    rules: Rules,
    mailbox: Mailbox,
    whereabouts: watch::Sender<Whereabouts>,
    known: RefCell<(Vec<LocalAddress>, Vec<Mapping>)>,
}

impl Offer {
    fn announce(&self) {
        let known = self.known.borrow();
        let list = candidates::gather(&self.rules, &known.0, &known.1);
        tracing::info!(candidates = list.len(), "addresses for audio and video have changed");
        self.whereabouts.send_replace(Whereabouts { addresses: known.0.clone(), candidates: list.clone() });
        self.mailbox.post(Letter::SetCandidates(list));
    }

    /// True if the machine has other addresses than before.
    fn look(&self) -> bool {
        let Ok(now) = candidates::local_addresses() else { return false };
        if self.known.borrow().0 == now {
            return false;
        }
        {
            let mut known = self.known.borrow_mut();
            known.1.retain(|mapping| now.iter().any(|address| address.ip == mapping.base));
            known.0 = now;
        }
        self.announce();
        true
    }

    /// One mapping for each local address: the latest.
    fn learn(&self, mapping: Mapping) {
        let mut known = self.known.borrow_mut();
        if known.1.contains(&mapping) {
            return;
        }
        known.1.retain(|old| old.base != mapping.base);
        known.1.push(mapping);
        drop(known);
        self.announce();
    }
}

async fn look_around(offer: &Offer, mut certificates: Option<(Certificates, Source)>, mut mdns: Option<Mdns>) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        offer.look();
        if let Some(mdns) = &mut mdns {
            mdns.announce(&offer.known.borrow().0, &offer.rules);
            mdns.look();
        }
        if let Some((current, source)) = &mut certificates {
            // Borrowed for a moment only: the next look may change it.
            let host = names::host_name();
            let looked = look_at_certificate(current, source, &host, &offer.known.borrow().0, &offer.rules);
            match looked {
                Ok(false) => {}
                Ok(true) => tracing::info!("the certificate was renewed"),
                Err(error) => tracing::warn!(%error, "the new certificate cannot be used; the old one stays"),
            }
        }
    }
}

/// True if the certificate was exchanged. One that cannot be read or made leaves the old one in use.
fn look_at_certificate(
    current: &Certificates,
    source: &mut Source,
    host: &str,
    addresses: &[LocalAddress],
    rules: &Rules,
) -> Result<bool, CertificateError> {
    match source {
        Source::Own { dir, authority, label } => {
            let (wanted, now) = (names::certificate_names(host, addresses, rules), SystemTime::now());
            if label.serves(&wanted, authority, now) {
                return Ok(false);
            }
            let own = certificate::own(dir, authority, wanted, now)?;
            current.replace(own.certificate);
            *label = own.label;
        }
        Source::Files { cert, key, written } => {
            let now = certificate::written(cert, key);
            if now == *written {
                return Ok(false);
            }
            // Noted even if it fails: it is tried again when the files change again.
            *written = now;
            current.replace(certificate::read_pair(cert, key)?);
        }
    }
    Ok(true)
}

async fn collect_mappings(offer: &Offer, mut mappings: mpsc::UnboundedReceiver<Mapping>) {
    while let Some(mapping) = mappings.recv().await {
        offer.learn(mapping);
    }
    pending().await
}

async fn discover(offer: &Offer, servers: &[HostPort]) {
    if servers.is_empty() {
        pending::<()>().await;
    }
    loop {
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for server in servers {
            match tokio::net::lookup_host(server.as_str()).await {
                Ok(found) => addresses.extend(first_of_each_family(found)),
                Err(error) => tracing::debug!(host = server.as_str(), %error, "a STUN server has no address"),
            }
        }
        offer.mailbox.post(Letter::Discover(addresses));
        let known = !offer.known.borrow().1.is_empty();
        sleep(if known { DISCOVERY } else { DISCOVERY_RETRY }).await;
    }
}

fn first_of_each_family(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut list: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !list.iter().any(|known| known.is_ipv4() == address.is_ipv4()) {
            list.push(address);
        }
    }
    list
}

/// Says that we live only after the bridge's thread has shown that it does.
async fn watchdog(manager: &ServiceManager, mailbox: &Mailbox) {
    let Some(every) = manager.watchdog_interval() else { return pending().await };
    let mut ticks = interval(every);
    loop {
        ticks.tick().await;
        let (answer, report) = oneshot::channel();
        mailbox.post(Letter::Report(Box::new(move |report| {
            // Nobody waits any more when the process is ending.
            let _ = answer.send(report);
        })));
        if report.await.is_ok() {
            manager.alive();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_of_each_family_is_asked() {
        let found = ["192.0.2.1:1", "192.0.2.2:1", "[2001:db8::1]:1"].map(|text| text.parse().unwrap());
        assert_eq!(first_of_each_family(found.into_iter()), [found[0], found[2]]);
    }

    fn address(ip: &str) -> LocalAddress {
        LocalAddress { interface: "eth0".to_owned(), ip: ip.parse().unwrap() }
    }

    #[test]
    fn our_own_certificate_is_renewed_when_a_name_or_address_changes_and_only_then() {
        let dir = StateDir::open(Some(&super::super::test_dir("look-own"))).unwrap();
        let (rules, before, after) = (Rules::default(), [address("10.0.0.1")], [address("10.0.0.2")]);
        let (wanted, now) = (names::certificate_names("hall", &before, &rules), SystemTime::now());
        let authority = Authority::keep(&dir, &wanted, now).unwrap();
        let own = certificate::own(&dir, &authority, wanted, now).unwrap();
        let current = Certificates::new(own.certificate);
        let mut source = Source::Own { dir, authority, label: own.label };
        let mut look = |host: &str, addresses: &[LocalAddress]| {
            look_at_certificate(&current, &mut source, host, addresses, &rules).unwrap()
        };
        assert!(!look("hall", &before));
        assert!(look("hall", &after));
        assert!(!look("hall", &after));
        assert!(look("parlour", &after));
        assert!(!look("parlour", &after));
        assert!(look("hall", &before));
    }

    #[test]
    fn files_are_read_again_when_they_change_and_a_broken_pair_is_refused_once() {
        let dir = super::super::test_dir("look-files");
        std::fs::create_dir_all(&dir).unwrap();
        let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
        let mut second = 0;
        // Each time with a later time stamp, whatever the file system's resolution.
        let mut write = |broken: bool| {
            second += 1;
            let pair = rcgen::generate_simple_self_signed(vec!["hall".to_owned()]).unwrap();
            std::fs::write(&cert, if broken { String::new() } else { pair.cert.pem() }).unwrap();
            std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            for path in [&cert, &key] {
                std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
            }
        };
        write(false);
        let current = Certificates::new(certificate::read_pair(&cert, &key).unwrap());
        let written = certificate::written(&cert, &key);
        let mut source = Source::Files { cert: cert.clone(), key: key.clone(), written };
        let mut look = || look_at_certificate(&current, &mut source, "hall", &[], &Rules::default());
        assert!(!look().unwrap());
        write(false);
        assert!(look().unwrap());
        write(true);
        assert!(look().is_err());
        assert!(!look().unwrap());
        write(false);
        assert!(look().unwrap());
    }
}
