//! The box's name and services in networks that have no name server: multicast DNS (RFC 6762, RFC 6763).

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bridge::shell::candidates::{LocalAddress, Rules};
use mdns_sd::{DaemonEvent, Receiver, ServiceDaemon, ServiceInfo};

use super::banner::Reach;
use super::compose;

/// What is looked for: a page for people, a box of our kind for other programs.
const SERVICES: [&str; 2] = ["_https._tcp.local.", "_moothall._tcp.local."];
/// An instance is one label (RFC 6763 4.1.1); the box's four letters and blanks stand behind the name.
const MAX_TITLE: usize = 63 - 7;
/// For a goodbye, which must not hold up the end of the process.
const FAREWELL: Duration = Duration::from_millis(200);

/// Answers for the box until it is dropped.
pub(crate) struct Mdns {
    daemon: ServiceDaemon,
    events: Receiver<DaemonEvent>,
    /// Without `.local`.
    name: String,
    instance: String,
    /// What the page's listeners are bound to.
    bound: Vec<IpAddr>,
    port: u16,
    announced: Vec<IpAddr>,
}

impl Mdns {
    /// `name` without `.local`, `title` for people. `None` where it cannot be: people still have addresses.
    pub(crate) fn start(name: String, title: &str, bound: Vec<IpAddr>, port: u16) -> Option<Self> {
        let daemon = ServiceDaemon::new().and_then(|daemon| Ok((daemon.monitor()?, daemon)));
        let (events, daemon) = daemon
            .inspect_err(|error| tracing::warn!(%error, "the name {name}.local cannot be announced; use the addresses"))
            .ok()?;
        let instance = instance(title, &name);
        Some(Self { daemon, events, name, instance, bound, port, announced: Vec::new() })
    }

    /// The machine has these addresses from now on; none where there is no network.
    pub(crate) fn announce(&mut self, local: &[LocalAddress], rules: &Rules) {
        let reach = Reach { bound: &self.bound, port: self.port, local, rules, mdns: None };
        let addresses = reach.open();
        if self.announced == addresses {
            return;
        }
        self.announced = addresses;
        if self.announced.is_empty() {
            return self.withdraw();
        }
        for kind in SERVICES {
            if let Err(error) = self.service(kind).and_then(|service| self.daemon.register(service)) {
                tracing::warn!(%error, "the name {}.local cannot be announced; use the addresses", self.name);
            }
        }
    }

    fn service(&self, kind: &str) -> mdns_sd::Result<ServiceInfo> {
        let host = format!("{}.local.", self.name);
        let version = compose::version();
        let properties = [("path", "/"), ("id", &self.name), ("version", &version)];
        ServiceInfo::new(kind, &self.instance, &host, &self.announced[..], self.port, &properties[..])
    }

    fn withdraw(&self) {
        for kind in SERVICES {
            let said = self.service(kind).and_then(|service| self.daemon.unregister(service.get_fullname()));
            // What is not said in time is forgotten by others when its two minutes are over.
            let _ = said.map(|said| said.recv_timeout(FAREWELL));
        }
    }

    /// Says in the log what happened lately.
    pub(crate) fn look(&self) {
        for event in self.events.try_iter() {
            match event {
                DaemonEvent::NameChange(change) => tracing::warn!(
                    "another box in this network is called {}, too; this one answers to {} now. Two boxes from one image have the \
                     same /etc/machine-id: empty that file on one of them and start it again",
                    change.original,
                    change.new_name
                ),
                DaemonEvent::Error(error) => tracing::debug!(%error, "multicast DNS"),
                _ => {}
            }
        }
    }
}

impl fmt::Debug for Mdns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mdns").field("name", &self.name).field("announced", &self.announced).finish_non_exhaustive()
    }
}

impl Drop for Mdns {
    fn drop(&mut self) {
        self.withdraw();
        let _ = self.daemon.shutdown();
    }
}

/// `Moothall (3f2a)`: people tell boxes apart by what is on their screens.
fn instance(title: &str, name: &str) -> String {
    let mut end = title.len().min(MAX_TITLE);
    while !title.is_char_boundary(end) {
        end -= 1;
    }
    let letters = name.rsplit('-').next().unwrap_or_default();
    format!("{} ({letters})", title.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_one_label_that_names_the_box() {
        assert_eq!(instance("Moothall", "moothall-3f2a"), "Moothall (3f2a)");
        let long = instance(&"ü".repeat(40), "moothall-3f2a");
        assert!(long.len() <= 63 && long.ends_with("ü (3f2a)"), "{long}");
    }
}
