//! The thread that media lives on.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::candidates::Mapping;
use super::mailbox::{Letter, Mailbox, Report};
use super::outbox::Outbox;
use super::stun::Discovery;
use super::udp::{Inbox, Incoming, Sockets};
use super::waker::{Ready, Waker};
use crate::core::endpoint::identity::Identity;
use crate::core::{Bridge, BridgeConfig, Event};

/// Stack of the thread. Deepest is a DTLS handshake, some 60 KiB in a debug build; only touched pages cost memory.
const STACK: usize = 512 * 1024;

/// Full batches that are taken from one socket before timers, orders and the other socket get their turn.
const BATCHES_PER_TURN: usize = 8;

/// What the worker says, on its own thread.
#[derive(Debug)]
pub enum Notice {
    Bridge(Event),
    /// A STUN server answered.
    Mapped(Mapping),
    /// The thread ends: after [`Letter::ShutDown`], or because it crashed and the process should end.
    Ended {
        crashed: bool,
    },
}

/// Takes notices; must not wait.
pub type Listener = Box<dyn FnMut(Notice) + Send>;

/// A running worker.
#[derive(Debug)]
pub struct Worker {
    mailbox: Mailbox,
    thread: JoinHandle<()>,
}

impl Worker {
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Waits until the thread has ended; post [`Letter::ShutDown`] first. False if it crashed.
    pub fn join(self) -> bool {
        self.thread.join().is_ok()
    }
}

/// Starts the thread. `seed` feeds all identifiers of the bridge.
pub fn start(
    sockets: Sockets,
    config: BridgeConfig,
    identity: Arc<Identity>,
    seed: [u8; 32],
    listener: Listener,
) -> io::Result<Worker> {
    let waker = Arc::new(Waker::new()?);
    let mailbox = Mailbox::new(Arc::clone(&waker));
    let inner = mailbox.clone();
    let thread = std::thread::Builder::new().name("bridge".to_owned()).stack_size(STACK).spawn(move || {
        let bridge = Bridge::new(config, identity, seed, Instant::now());
        Loop::new(bridge, sockets, waker, inner, seed, listener).run();
    })?;
    Ok(Worker { mailbox, thread })
}

/// What the thread owns.
struct Loop {
    bridge: Bridge,
    outbox: Outbox,
    inbox: Inbox,
    discovery: Discovery,
    secret: u32,
    mailbox: Mailbox,
    letters: VecDeque<Letter>,
    waker: Arc<Waker>,
    /// A socket had more than one turn takes.
    backlog: bool,
    listener: Listener,
    ended: bool,
}

impl Loop {
    fn new(
        bridge: Bridge,
        sockets: Sockets,
        waker: Arc<Waker>,
        mailbox: Mailbox,
        seed: [u8; 32],
        listener: Listener,
    ) -> Self {
        let [a, b, c, d, ..] = seed;
        Self {
            bridge,
            outbox: Outbox::new(sockets),
            inbox: Inbox::new(),
            discovery: Discovery::default(),
            secret: u32::from_be_bytes([a, b, c, d]).rotate_left(7) ^ 0x5bd1_e995,
            mailbox,
            letters: VecDeque::new(),
            waker,
            backlog: false,
            listener,
            ended: false,
        }
    }

    fn run(mut self) {
        while !self.ended {
            self.turn();
        }
    }

    /// Once around: sleep, read the clock, datagrams, orders, timers, and out with what came of it.
    fn turn(&mut self) {
        let ready = self.sleep();
        let now = Instant::now();
        self.outbox.counters.turns += 1;
        self.take_datagrams(now, ready);
        self.take_letters(now);
        if self.bridge.next_wakeup().is_some_and(|(at, _)| at <= now) {
            self.bridge.on_wakeup(now, &mut self.outbox);
        }
        self.hand_out_events();
        self.outbox.flush();
    }

    /// Until a socket is readable, a letter is posted, or the bridge wants to be woken.
    fn sleep(&mut self) -> Ready {
        let timeout = match self.bridge.next_wakeup() {
            _ if self.backlog => Some(Duration::ZERO),
            Some((at, _)) => Some(at.saturating_duration_since(Instant::now())),
            None => None,
        };
        self.waker.sleep(self.outbox.sockets(), timeout).unwrap_or_else(|error| {
            // Memory is short for a moment: the call is simply made again.
            tracing::warn!(%error, "waiting for datagrams");
            Ready::default()
        })
    }

    fn take_datagrams(&mut self, now: Instant, ready: Ready) {
        self.backlog = false;
        let sockets = self.outbox.sockets().sources().count();
        for socket in (0..sockets).filter(|socket| ready.has(*socket)) {
            self.backlog |= self.take_from(socket, now);
        }
    }

    /// True if the socket may have more.
    fn take_from(&mut self, socket: usize, now: Instant) -> bool {
        for _ in 0..BATCHES_PER_TURN {
            match self.outbox.sockets().receive(socket, &mut self.inbox) {
                Ok(true) => self.hand_in_batch(now),
                Ok(false) => return false,
                Err(_) => {
                    self.outbox.counters.receive_errors += 1;
                    return false;
                }
            }
            if !self.inbox.is_full() {
                return false;
            }
        }
        true
    }

    fn hand_in_batch(&mut self, now: Instant) {
        for incoming in self.inbox.datagrams() {
            let Incoming::Datagram(path, datagram) = incoming else {
                self.outbox.counters.oversized += 1;
                continue;
            };
            self.outbox.counters.received += 1;
            match self.discovery.answer(path, datagram) {
                Some(mapped) => (self.listener)(Notice::Mapped(Mapping { base: path.local, mapped })),
                None => self.bridge.on_datagram(now, path, datagram, &mut self.outbox),
            }
        }
    }

    fn take_letters(&mut self, now: Instant) {
        self.mailbox.collect(&mut self.letters);
        while let Some(letter) = self.letters.pop_front() {
            self.take_letter(now, letter);
        }
    }

    fn take_letter(&mut self, now: Instant, letter: Letter) {
        let (bridge, outbox) = (&mut self.bridge, &mut self.outbox);
        match letter {
            Letter::Apply(command) => bridge.apply(now, command, outbox),
            Letter::OpenChannel { conference, endpoint, pwd, id, answer } => {
                let outcome = bridge.open_channel(now, &conference, &endpoint, &pwd, id, outbox);
                answer(outcome);
            }
            Letter::ChannelText { id, text } => bridge.on_channel_text(now, id, &text, outbox),
            Letter::ChannelClosed { id } => bridge.on_channel_closed(now, id),
            Letter::SetCandidates(candidates) => bridge.set_candidates(candidates),
            Letter::Drain(draining) => bridge.set_draining(draining),
            Letter::Discover(servers) => self.discovery.ask(&servers, self.secret, outbox),
            Letter::Report(answer) => {
                answer(Report { bridge: bridge.stats(), gauges: bridge.gauges(now), shell: outbox.counters });
            }
            Letter::Describe(answer) => answer(bridge.report(now)),
            Letter::ShutDown => {
                bridge.shut_down(now, outbox);
                self.ended = true;
            }
        }
    }

    fn hand_out_events(&mut self) {
        while let Some(event) = self.bridge.poll_event() {
            (self.listener)(Notice::Bridge(event));
        }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        (self.listener)(Notice::Ended { crashed: std::thread::panicking() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Command, Reply};
    use jitsi_wire::colibri2::{Capabilities, ConferenceModify, EndpointModify, TransportModify};
    use rtc_stun::attributes::{ATTR_ICE_CONTROLLED, ATTR_PRIORITY, ATTR_USERNAME};
    use rtc_stun::fingerprint::FINGERPRINT;
    use rtc_stun::integrity::MessageIntegrity;
    use rtc_stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};
    use std::net::{IpAddr, Ipv4Addr, UdpSocket};
    use std::sync::mpsc;

    const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn worker() -> (Worker, u16, mpsc::Receiver<Notice>) {
        let sockets = Sockets::bind(&[LOCALHOST], 0).unwrap();
        let port = sockets.port();
        let (notices, received) = mpsc::channel();
        let listener = Box::new(move |notice| notices.send(notice).unwrap());
        let identity = Arc::new(Identity::generate().unwrap());
        (start(sockets, BridgeConfig::default(), identity, [7; 32], listener).unwrap(), port, received)
    }

    fn report(worker: &Worker) -> Report {
        let (answer, received) = mpsc::channel();
        worker.mailbox().post(Letter::Report(Box::new(move |report| answer.send(report).unwrap())));
        received.recv().unwrap()
    }

    #[test]
    fn a_worker_answers_its_mailbox_and_ends_when_told_to() {
        let (worker, _, notices) = worker();
        assert_eq!(report(&worker).shell.received, 0);
        worker.mailbox().post(Letter::ShutDown);
        assert!(worker.join());
        assert!(matches!(notices.iter().last(), Some(Notice::Ended { crashed: false })));
    }

    #[test]
    fn datagrams_reach_the_core_and_strangers_get_no_answer() {
        let (worker, port, _notices) = worker();
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..100 {
            stranger.send_to(&[0x80; 200], (LOCALHOST, port)).unwrap();
        }
        while report(&worker).shell.received < 100 {
            std::thread::yield_now();
        }
        let report = report(&worker);
        assert_eq!((report.bridge.strangers, report.shell.sent), (100, 0));
        worker.mailbox().post(Letter::ShutDown);
        assert!(worker.join());
    }

    #[test]
    fn an_unknown_channel_is_refused() {
        let (worker, _, _notices) = worker();
        let (answer, received) = mpsc::channel();
        worker.mailbox().post(Letter::OpenChannel {
            conference: "c".to_owned(),
            endpoint: "e".to_owned(),
            pwd: "p".to_owned(),
            id: crate::core::ChannelId(1),
            answer: Box::new(move |outcome| answer.send(outcome).unwrap()),
        });
        assert_eq!(received.recv().unwrap(), Err(crate::core::ChannelRefusal));
        worker.mailbox().post(Letter::ShutDown);
        assert!(worker.join());
    }

    #[test]
    fn a_stun_server_is_asked_over_the_media_port_and_its_answer_is_told() {
        let (worker, port, notices) = worker();
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        worker.mailbox().post(Letter::Discover(vec![server.local_addr().unwrap()]));
        let mut request = [0; 64];
        let (len, from) = server.recv_from(&mut request).unwrap();
        assert_eq!((len, from.port()), (20, port));
        let mut answer = vec![1, 1, 0, 12];
        answer.extend(&request[4..20]);
        answer.extend([0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        server.send_to(&answer, from).unwrap();
        let Notice::Mapped(mapping) = notices.recv().unwrap() else { panic!("another notice") };
        assert_eq!(mapping, Mapping { base: LOCALHOST, mapped: "192.0.2.1:32853".parse().unwrap() });
        worker.mailbox().post(Letter::ShutDown);
        assert!(worker.join());
    }

    /// One endpoint in one conference; its credentials.
    fn endpoint(worker: &Worker, notices: &mpsc::Receiver<Notice>) -> (String, String) {
        let transport = TransportModify { ice_controlling: true, ..TransportModify::default() };
        let endpoint = EndpointModify {
            id: "abcd1234".to_owned(),
            create: true,
            transport: Some(transport),
            capabilities: Capabilities { source_names: true, ..Capabilities::default() },
            ..EndpointModify::default()
        };
        let request = ConferenceModify {
            meeting_id: "m".to_owned(),
            create: true,
            endpoints: vec![endpoint],
            ..ConferenceModify::default()
        };
        worker.mailbox().post(Letter::Apply(Command { id: 7, request, client_is_local: true }));
        match notices.recv().unwrap() {
            Notice::Bridge(Event::Reply(Reply::Done { id: 7, mut answer })) => {
                let transport = answer.endpoints.remove(0).transport.unwrap();
                (transport.ufrag.unwrap(), transport.pwd.unwrap())
            }
            other => panic!("{other:?}"),
        }
    }

    fn binding_request(ufrag: &str, pwd: &str) -> Vec<u8> {
        let crypto = rtc_crypto::default_provider().unwrap();
        let mut message = Message::new();
        message.set_type(BINDING_REQUEST);
        message.transaction_id = TransactionId([9; 12]);
        message.write_header();
        message.add(ATTR_USERNAME, format!("{ufrag}:peer").as_bytes());
        message.add(ATTR_ICE_CONTROLLED, &[1; 8]);
        message.add(ATTR_PRIORITY, &[0x6e, 0, 1, 0xff]);
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(pwd.to_owned(), crypto.crypto());
        integrity.add_to(&mut message).unwrap();
        FINGERPRINT.add_to(&mut message).unwrap();
        message.raw
    }

    #[test]
    fn a_check_with_the_right_password_is_answered_over_the_network_and_one_with_a_wrong_one_is_not() {
        let (worker, port, notices) = worker();
        let (ufrag, pwd) = endpoint(&worker, &notices);
        let browser = UdpSocket::bind("127.0.0.1:0").unwrap();
        browser.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // The worker takes them in this sequence, so the first answer shows that the wrong one got none.
        browser.send_to(&binding_request(&ufrag, "not the right password"), (LOCALHOST, port)).unwrap();
        browser.send_to(&binding_request(&ufrag, &pwd), (LOCALHOST, port)).unwrap();
        let mut answer = [0; 1500];
        let (len, from) = browser.recv_from(&mut answer).unwrap();
        assert_eq!((from.port(), &answer[..2], &answer[8..20]), (port, [1, 1].as_slice(), [9; 12].as_slice()));
        assert!(len > 20);
        assert_eq!(report(&worker).shell.received, 2);
        worker.mailbox().post(Letter::ShutDown);
        assert!(worker.join());
    }
}
