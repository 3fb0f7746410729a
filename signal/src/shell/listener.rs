//! Accepts connections, counts them, and lets a few through.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::spawn_local;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::authority::Origin;
use super::bosh;
use super::channel::ChannelGate;
use super::connection;
use super::feedback::Feedback;
use super::http::Site;
use super::hub::Hub;
use super::limits::Limits;
use super::recordings::Api;
use super::unread;

/// What all connections share.
pub(super) struct Shared {
    pub(super) hub: Rc<Hub>,
    pub(super) site: Site,
    /// Of recordings, if there are any to be had.
    pub(super) api: Option<Api>,
    pub(super) gate: Rc<dyn ChannelGate>,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) proxies: Vec<IpAddr>,
    pub(super) limits: Limits,
    pub(super) door: Door,
    /// The same for XMPP streams.
    pub(super) streams: Door,
    pub(super) sockets: Rc<Sockets>,
    pub(super) bosh: bosh::Sessions,
    pub(super) feedback: Feedback,
    pub(super) unread: unread::Pool,
    pub(super) stopping: watch::Sender<bool>,
}

impl Shared {
    /// Counts a WebSocket for as long as the value lives.
    pub(super) fn socket_opened(&self) -> impl Drop + use<> {
        self.sockets.open.set(self.sockets.open.get().saturating_add(1));
        OpenSocket(Rc::clone(&self.sockets))
    }

    /// Resolves when the server is about to end, with the reason that channels are closed with.
    pub(super) fn stopped(&self) -> impl Future<Output = &'static str> + use<> {
        let mut stopping = self.stopping.subscribe();
        async move {
            // An error means that the sender is gone, which is an end as well.
            let _ = stopping.wait_for(|stopping| *stopping).await;
            "endpoint closed"
        }
    }
}

/// WebSockets that are open.
#[derive(Default)]
pub(super) struct Sockets {
    open: Cell<usize>,
    none: Notify,
}

impl Sockets {
    /// Resolves when none is open.
    pub(super) async fn all_closed(&self) {
        while self.open.get() > 0 {
            self.none.notified().await;
        }
    }
}

struct OpenSocket(Rc<Sockets>);

impl Drop for OpenSocket {
    fn drop(&mut self) {
        let open = self.0.open.get().saturating_sub(1);
        self.0.open.set(open);
        if open == 0 {
            self.0.none.notify_one();
        }
    }
}

/// Counts connections by address.
#[derive(Default)]
pub(super) struct Door {
    total: Cell<usize>,
    by_address: RefCell<HashMap<IpAddr, usize>>,
}

/// One connection that was let in.
struct Pass {
    shared: Rc<Shared>,
    address: Option<IpAddr>,
}

/// Bytes that the kernel keeps for a client beyond what is on its way: enough to fill its window again before we are woken.
const UNSENT: u32 = 128 * 1024;

/// What a listening socket is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// Everything there is.
    Site,
    /// Plain HTTP: where the same is to be had over HTTPS, by its port.
    ToHttps(u16),
}

/// Accepts for as long as it is polled.
pub(super) async fn accept(shared: Rc<Shared>, listener: TcpListener, purpose: Purpose) {
    loop {
        match listener.accept().await {
            Ok((tcp, peer)) => admit(&shared, tcp, peer, purpose),
            Err(error) => {
                // Out of descriptors, most likely: connections must end before another can begin.
                warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn admit(shared: &Rc<Shared>, tcp: TcpStream, peer: SocketAddr, purpose: Purpose) {
    let Some(pass) = Pass::issue(shared, peer.ip()) else {
        debug!("too many connections");
        // Dropped next; the stranger gets a reset at once and we keep no state.
        let _ = tcp.set_zero_linger();
        return;
    };
    // Stanzas are small and wait for no second one.
    let _ = tcp.set_nodelay(true);
    // What a client does not read waits in its queue, where it is bounded and counted, not by megabytes in the kernel.
    let _ = socket2::SockRef::from(&tcp).set_tcp_notsent_lowat(UNSENT);
    spawn_local(async move {
        match purpose {
            Purpose::Site => connection::serve(Rc::clone(&pass.shared), tcp, peer).await,
            Purpose::ToHttps(port) => connection::to_https(&pass.shared, tcp, peer, port).await,
        }
        drop(pass);
    });
}

impl Pass {
    fn issue(shared: &Rc<Shared>, peer: IpAddr) -> Option<Self> {
        let door = &shared.door;
        let peer = peer.to_canonical();
        if door.total.get() >= shared.limits.connections {
            return None;
        }
        let address = (!shared.proxies.contains(&peer)).then(|| neighbourhood(peer));
        if address.is_some_and(|address| !door.enter(address, shared.limits.connections_per_address)) {
            return None;
        }
        door.total.set(door.total.get().saturating_add(1));
        Some(Self { shared: Rc::clone(shared), address })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let door = &self.shared.door;
        door.total.set(door.total.get().saturating_sub(1));
        if let Some(address) = self.address {
            door.leave(address);
        }
    }
}

impl Door {
    fn enter(&self, address: IpAddr, limit: usize) -> bool {
        let mut counts = self.by_address.borrow_mut();
        let count = counts.get(&address).copied().unwrap_or(0);
        if count >= limit {
            return false;
        }
        counts.insert(address, count.saturating_add(1));
        true
    }

    fn leave(&self, address: IpAddr) {
        let mut counts = self.by_address.borrow_mut();
        match counts.get(&address).copied() {
            Some(count) if count > 1 => counts.insert(address, count.saturating_sub(1)),
            _ => counts.remove(&address),
        };
    }
}

/// A WebSocket that is counted by the address of its client: behind a proxy, and if it is an XMPP stream.
pub(super) struct Guest {
    shared: Rc<Shared>,
    address: IpAddr,
    proxied: bool,
    stream: bool,
}

impl Guest {
    pub(super) fn admit(shared: &Rc<Shared>, origin: &Origin, stream: bool) -> Result<Option<Self>, TooMany> {
        let Some(address) = origin.client.map(neighbourhood) else { return Ok(None) };
        let (limits, mut guest) =
            (&shared.limits, Self { shared: Rc::clone(shared), address, proxied: false, stream: false });
        guest.proxied = origin.proxied && shared.door.enter(address, limits.connections_per_address);
        guest.stream = stream && shared.streams.enter(address, limits.streams_per_address);
        let all = guest.proxied == origin.proxied && guest.stream == stream;
        all.then_some(Some(guest)).ok_or(TooMany)
    }
}

/// This address has as many as it may have.
pub(super) struct TooMany;

impl Drop for Guest {
    fn drop(&mut self) {
        if self.proxied {
            self.shared.door.leave(self.address);
        }
        if self.stream {
            self.shared.streams.leave(self.address);
        }
    }
}

/// One subscriber: an IPv4 address or an IPv6 /64.
pub(super) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        IpAddr::V4(_) => address,
    }
}
