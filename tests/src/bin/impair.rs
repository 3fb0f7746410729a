//! A bad line between browsers and a box: passes datagrams between two network namespaces, and loses, delays and holds back some.
//!
//! `impair NAMESPACE ADDRESS UDP-PORT TCP-PORT SEED` listens on the ports of the address here and passes on to the same address
//! and ports in the other namespace (`/proc/PID/ns/net`); TCP passes unharmed. Each line on standard input is a [`Line`] as JSON,
//! which counts from then on and is answered with what passed so far. It ends with its input.
#![allow(clippy::print_stdout, reason = "what this program is for")]

use anyhow::{Context, Result, bail};
use nix::libc::{CLONE_NEWNET, setns};
use serde::Deserialize;
use serde_json::json;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tests::netem::{Arrival, Bottleneck, Link, Network};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::sync::{Notify, mpsc};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, sleep_until};

/// Longest datagram.
const LARGEST: usize = 65_536;
/// Clients that are told apart; more are not served.
const MOST_CLIENTS: usize = 64;
/// What a router holds back at most.
const QUEUE: Duration = Duration::from_millis(300);

/// What becomes of datagrams to the clients and from them.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Line {
    down: Way,
    up: Way,
}

/// One direction. Each client has a line of its own.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Way {
    /// Of a thousand.
    loss: u32,
    delay_ms: u64,
    /// Between nothing and this is added, without overtaking.
    jitter_ms: u64,
    kbps: Option<u64>,
}

impl Way {
    fn link(self) -> Link {
        let line = |kbps| Bottleneck { bits_per_second: kbps * 1000, longest: QUEUE };
        Link {
            delay: Duration::from_millis(self.delay_ms),
            jitter: Duration::from_millis(self.jitter_ms),
            loss: self.loss,
            down: self.kbps.map(line),
            in_order: true,
            ..Link::default()
        }
    }
}

/// What arrives, and the socket that it leaves by if it goes to the box.
type Delivery = (Arrival, Option<Rc<UdpSocket>>);

struct Relay {
    here: File,
    there: File,
    near: UdpSocket,
    state: RefCell<State>,
    changed: Notify,
}

struct State {
    down: Network,
    up: Network,
    line: Line,
    /// By client: its socket in the other namespace.
    far: HashMap<SocketAddr, Rc<UdpSocket>>,
    passed: [u64; 2],
}

fn main() -> Result<()> {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let [namespace, address, udp, tcp, seed] = arguments.as_slice() else {
        bail!("usage: impair NAMESPACE ADDRESS UDP-PORT TCP-PORT SEED");
    };
    let address = address.parse().context("ADDRESS")?;
    let udp = SocketAddr::new(address, udp.parse().context("UDP-PORT")?);
    let tcp = SocketAddr::new(address, tcp.parse().context("TCP-PORT")?);
    let seed = seed.parse().context("SEED")?;
    let (here, there) = (File::open("/proc/self/ns/net")?, File::open(namespace).context("NAMESPACE")?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let state = State {
            down: Network::new(seed),
            up: Network::new(seed ^ u64::MAX),
            line: Line::default(),
            far: HashMap::new(),
            passed: [0; 2],
        };
        let near = UdpSocket::bind(udp).await?;
        let relay = Rc::new(Relay { here, there, near, state: RefCell::new(state), changed: Notify::new() });
        spawn_local(Rc::clone(&relay).accept(TcpListener::bind(tcp).await?, tcp));
        spawn_local(Rc::clone(&relay).hear_clients(udp));
        spawn_local(Rc::clone(&relay).deliver());
        relay.obey().await
    })
}

impl Relay {
    /// Makes a socket over there. There is one thread, and nothing else runs meanwhile.
    fn over_there<T>(&self, make: impl FnOnce() -> io::Result<T>) -> Result<T> {
        enter(&self.there)?;
        let made = make();
        enter(&self.here)?;
        Ok(made?)
    }

    async fn obey(&self) -> Result<()> {
        let (said, mut lines) = mpsc::unbounded_channel();
        // It ends with its input, or with the process.
        std::thread::spawn(move || io::stdin().lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
        println!("{{}}");
        while let Some(line) = lines.recv().await {
            let line = serde_json::from_str(&line)?;
            let mut state = self.state.borrow_mut();
            state.line = line;
            let lost = [state.down.lost, state.up.lost];
            println!(
                "{}",
                json!({"passed": {"down": state.passed[0], "up": state.passed[1]}, "lost": {"down": lost[0], "up": lost[1]}})
            );
        }
        Ok(())
    }

    async fn accept(self: Rc<Self>, listener: TcpListener, to: SocketAddr) -> Result<()> {
        loop {
            let (mut near, _) = listener.accept().await?;
            let socket = self.over_there(|| if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() })?;
            spawn_local(async move {
                let mut far = socket.connect(to).await?;
                copy_bidirectional(&mut near, &mut far).await
            });
        }
    }

    async fn hear_clients(self: Rc<Self>, to: SocketAddr) -> Result<()> {
        let mut buffer = vec![0; LARGEST];
        loop {
            let (length, client) = self.near.recv_from(&mut buffer).await?;
            if !self.state.borrow().far.contains_key(&client) {
                self.welcome(client, to).await?;
            }
            let mut state = self.state.borrow_mut();
            let link = state.line.up.link();
            let datagram = buffer.get(..length).unwrap_or_default().to_vec();
            // Each client has a line of its own, so the line is named by the client and not by where it leads.
            state.up.send_down(Instant::now(), &link, Arrival { from: to, to: client, datagram });
            self.changed.notify_one();
        }
    }

    async fn welcome(self: &Rc<Self>, client: SocketAddr, to: SocketAddr) -> Result<()> {
        if self.state.borrow().far.len() >= MOST_CLIENTS {
            return Ok(());
        }
        let any = SocketAddr::new(to.ip(), 0);
        let socket = self.over_there(|| std::net::UdpSocket::bind(any))?;
        socket.set_nonblocking(true)?;
        let socket = Rc::new(UdpSocket::from_std(socket)?);
        socket.connect(to).await?;
        self.state.borrow_mut().far.insert(client, Rc::clone(&socket));
        spawn_local(Rc::clone(self).hear_box(socket, client, to));
        Ok(())
    }

    async fn hear_box(self: Rc<Self>, socket: Rc<UdpSocket>, client: SocketAddr, from: SocketAddr) {
        let mut buffer = vec![0; LARGEST];
        loop {
            // Refused means that the box does not run now.
            let Ok(length) = socket.recv(&mut buffer).await else {
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            let mut state = self.state.borrow_mut();
            let link = state.line.down.link();
            let datagram = buffer.get(..length).unwrap_or_default().to_vec();
            state.down.send_down(Instant::now(), &link, Arrival { from, to: client, datagram });
            self.changed.notify_one();
        }
    }

    async fn deliver(self: Rc<Self>) {
        loop {
            let now = Instant::now();
            let (arrived, next) = self.due(now);
            for (arrival, socket) in arrived {
                // A client that is gone, or a full buffer: the datagram is lost, as it would be.
                let _ = match socket {
                    Some(socket) => socket.try_send(&arrival.datagram),
                    None => self.near.try_send_to(&arrival.datagram, arrival.to),
                };
            }
            match next {
                Some(at) => tokio::select! {
                    () = sleep_until(at.into()) => {}
                    () = self.changed.notified() => {}
                },
                None => self.changed.notified().await,
            }
        }
    }

    /// What arrives by now, and when to look again.
    fn due(&self, now: Instant) -> (Vec<Delivery>, Option<Instant>) {
        let mut state = self.state.borrow_mut();
        let mut arrived = Vec::new();
        while let Some(arrival) = state.down.arrived(now) {
            state.passed[0] += 1;
            arrived.push((arrival, None));
        }
        while let Some(arrival) = state.up.arrived(now) {
            state.passed[1] += 1;
            let socket = state.far.get(&arrival.to).cloned();
            if socket.is_some() {
                arrived.push((arrival, socket));
            }
        }
        let next = [state.down.next_arrival(), state.up.next_arrival()].into_iter().flatten().min();
        (arrived, next)
    }
}

/// From now on sockets are made in this network namespace.
#[expect(unsafe_code, reason = "the safe wrapper is in a part of nix that would have half of the workspace built anew")]
fn enter(namespace: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open as long as the file is, and nothing else is passed.
    match unsafe { setns(namespace.as_raw_fd(), CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
