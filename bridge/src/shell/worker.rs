//! The threads that media lives on.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::candidates::Mapping;
use super::company::Company;
use super::mailbox::{Letter, Mailbox, Report};
use super::outbox::Outbox;
use super::parcel::Parcel;
use super::pause::Pause;
use super::routes::{self, MAX_WORKERS, Routes};
use super::stun::Discovery;
use super::tap::Taps;
use super::udp::{Inbox, Incoming, Sockets};
use super::waker::{Ready, Waker};
use crate::core::endpoint::identity::Identity;
use crate::core::packet::Ssrc;
use crate::core::taps::Tapped;
use crate::core::{Bridge, BridgeConfig, Event};

/// Stack of the thread. Deepest is a DTLS handshake, some 60 KiB in a debug build; only touched pages cost memory.
const STACK: usize = 512 * 1024;

/// Full batches that are taken from one socket before timers, orders and the other socket get their turn.
const BATCHES_PER_TURN: usize = 8;

/// What a worker says, on its own thread.
#[derive(Debug)]
pub enum Notice {
    Bridge(Event),
    /// A STUN server answered.
    Mapped(Mapping),
    /// All threads have ended, after [`Letter::ShutDown`], or one has crashed and the process should end.
    Ended {
        crashed: bool,
    },
}

/// Takes notices, from all workers; must not wait.
pub type Listener = Arc<dyn Fn(Notice) + Send + Sync>;

/// Workers that run.
#[derive(Debug)]
pub struct Workers {
    mailbox: Mailbox,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Waits until all threads have ended; post [`Letter::ShutDown`] first. False if one crashed.
    pub fn join(self) -> bool {
        self.threads.into_iter().map(JoinHandle::join).fold(true, |all, ended| all & ended.is_ok())
    }
}

/// Starts so many threads, at least one and at most [`MAX_WORKERS`]. `seed` feeds all identifiers of their bridges.
pub fn start(
    count: usize,
    sockets: Sockets,
    config: &BridgeConfig,
    identity: &Arc<Identity>,
    seed: [u8; 32],
    listener: &Listener,
) -> io::Result<Workers> {
    let wakers =
        (0..count.clamp(1, MAX_WORKERS)).map(|_| Waker::new().map(Arc::new)).collect::<io::Result<Vec<_>>>()?;
    let (company, sockets) = (Arc::new(Company::new(&wakers)), Arc::new(sockets));
    let mut workers = Workers { mailbox: Mailbox::new(Arc::clone(&company)), threads: Vec::new() };
    for (number, waker) in wakers.into_iter().enumerate() {
        let tag = if company.is_single() { None } else { routes::tag(number) };
        let (config, identity) = (BridgeConfig { tag, ..config.clone() }, Arc::clone(identity));
        let place = Place { number, company: Arc::clone(&company) };
        let (sockets, listener) = (Arc::clone(&sockets), Arc::clone(listener));
        let seed = seed_of(seed, number);
        let thread = Builder::new().name("bridge".to_owned()).stack_size(STACK).spawn(move || {
            let bridge = Bridge::new(config, identity, seed, Instant::now());
            Loop::new(bridge, sockets, waker, place, seed, listener).run();
        })?;
        workers.threads.push(thread);
    }
    Ok(workers)
}

/// Different for each, so that no two give the same names and numbers.
fn seed_of(mut seed: [u8; 32], number: usize) -> [u8; 32] {
    for (byte, part) in seed.iter_mut().zip(number.to_le_bytes()) {
        *byte ^= part;
    }
    seed
}

/// Which one of the workers this is.
struct Place {
    number: usize,
    company: Arc<Company>,
}

impl Place {
    /// The first receives for all.
    fn receives(&self) -> bool {
        self.number == 0
    }
}

/// What the thread owns.
struct Loop {
    bridge: Bridge,
    outbox: Outbox,
    inbox: Inbox,
    discovery: Discovery,
    secret: u32,
    place: Place,
    letters: VecDeque<Letter>,
    waker: Arc<Waker>,
    /// Where datagrams belong, for the one that receives.
    routes: Routes,
    /// To each of the others, or, for those, what has come.
    parcels: Vec<Parcel>,
    /// Participants here and with the others, when the bridge was last told.
    known: (usize, usize),
    /// A socket had more than one turn takes.
    backlog: bool,
    pause: Pause,
    taps: Taps,
    listener: Listener,
    ended: bool,
}

impl Loop {
    fn new(
        mut bridge: Bridge,
        sockets: Arc<Sockets>,
        waker: Arc<Waker>,
        place: Place,
        seed: [u8; 32],
        listener: Listener,
    ) -> Self {
        let [a, b, c, d, ..] = seed;
        if !place.company.is_single() {
            bridge.watch_paths();
        }
        let parcels = if place.receives() { place.company.size() } else { 1 };
        Self {
            bridge,
            outbox: Outbox::new(sockets),
            inbox: if place.receives() { Inbox::new() } else { Inbox::none() },
            discovery: Discovery::default(),
            secret: u32::from_be_bytes([a, b, c, d]).rotate_left(7) ^ 0x5bd1_e995,
            place,
            letters: VecDeque::new(),
            waker,
            routes: Routes::default(),
            parcels: (0..parcels).map(|_| Parcel::default()).collect(),
            known: (0, 0),
            backlog: false,
            pause: Pause::default(),
            taps: Taps::default(),
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
        if self.place.receives() {
            self.take_datagrams(now, ready);
            self.pause.on_turn(now);
        } else {
            self.take_parcel(now);
        }
        self.take_letters(now);
        if self.bridge.next_wakeup().is_some_and(|(at, _)| at <= now) {
            self.bridge.on_wakeup(now, &mut self.outbox);
        }
        if !self.place.company.is_single() {
            self.tell_others();
        }
        self.fill_taps();
        self.flush_taps(now);
        self.hand_out_events();
        self.outbox.flush();
    }

    /// What the other workers have to know, before what comes of it goes out.
    fn tell_others(&mut self) {
        let Place { number, company } = &self.place;
        while let Some((path, owned)) = self.bridge.poll_path() {
            company.news.tell(path, *number, owned);
        }
        let here = self.bridge.participants();
        let elsewhere = company.tell(*number, here);
        if std::mem::replace(&mut self.known, (here, elsewhere)) != (here, elsewhere) {
            self.bridge.set_elsewhere(elsewhere);
        }
    }

    /// Until a socket is readable, a letter is posted, or the bridge wants to be woken; but see [`Pause`].
    fn sleep(&mut self) -> Ready {
        if !self.backlog
            && let Some(pause) = self.pause.wanted(Instant::now())
        {
            self.wait(None, Some(pause));
            self.pause.paused();
            return Ready::all();
        }
        let timeout = match self.bridge.next_wakeup() {
            _ if self.backlog => Some(Duration::ZERO),
            Some((at, why)) => Some((at + why.slack()).saturating_duration_since(Instant::now())),
            None => None,
        };
        self.wait(self.place.receives().then(|| self.outbox.sockets()), timeout)
    }

    fn wait(&self, sockets: Option<&Sockets>, timeout: Option<Duration>) -> Ready {
        self.waker.sleep(sockets, timeout).unwrap_or_else(|error| {
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
        let company = &self.place.company;
        self.routes.learn(&company.news);
        for incoming in self.inbox.datagrams() {
            let Incoming::Datagram(path, datagram) = incoming else {
                self.outbox.counters.oversized += 1;
                continue;
            };
            if !company.is_single() {
                let worker = self.routes.worker(path, datagram);
                // The first parcel is our own, which stays empty.
                if let Some(parcel) = self.parcels.get_mut(worker).filter(|_| worker > 0) {
                    self.outbox.counters.dropped_behind += u64::from(!parcel.put(path, datagram));
                    continue;
                }
            }
            self.outbox.counters.received += 1;
            self.pause.on_datagram(now, datagram);
            match self.discovery.answer(path, datagram) {
                Some(mapped) => (self.listener)(Notice::Mapped(Mapping { base: path.local, mapped })),
                None => self.bridge.on_datagram(now, path, datagram, &mut self.outbox),
            }
        }
        // More than a batch would not fit one message.
        self.fill_taps();
        let company = &self.place.company;
        for (worker, parcel) in self.parcels.iter_mut().enumerate().filter(|(_, parcel)| !parcel.is_empty()) {
            self.outbox.counters.dropped_behind += company.deliver(worker, parcel);
        }
    }

    fn fill_taps(&mut self) {
        if !self.taps.is_empty() {
            let taps = &mut self.taps;
            self.bridge.drain_taps(&mut |id, tapped| taps.put(id, tapped));
        }
    }

    fn flush_taps(&mut self, now: Instant) {
        if !self.taps.is_empty() {
            for id in self.taps.flush(now) {
                self.bridge.untap(now, id, &mut self.outbox);
            }
        }
    }

    /// What the one that receives has handed on.
    fn take_parcel(&mut self, now: Instant) {
        let Some(parcel) = self.parcels.first_mut() else { return };
        self.place.company.collect(self.place.number, parcel);
        for (path, datagram) in parcel.datagrams() {
            self.outbox.counters.received += 1;
            self.bridge.on_datagram(now, path, datagram, &mut self.outbox);
        }
        parcel.clear();
    }

    fn take_letters(&mut self, now: Instant) {
        self.place.company.letters(self.place.number).collect(&mut self.letters);
        while let Some(letter) = self.letters.pop_front() {
            self.take_letter(now, letter);
        }
    }

    fn take_letter(&mut self, now: Instant, letter: Letter) {
        let (bridge, outbox) = (&mut self.bridge, &mut self.outbox);
        match letter {
            Letter::Apply(command) => {
                let created = command.request.create.then(|| command.request.meeting_id.clone());
                bridge.apply(now, command, outbox);
                // A limit or a wrong order: there is none after all.
                if let Some(refused) = created.filter(|meeting_id| !bridge.has_meeting(meeting_id)) {
                    self.place.company.forget_meeting(&refused);
                }
            }
            Letter::OpenChannel { conference, endpoint, pwd, id, answer } => {
                let outcome = bridge.open_channel(now, &conference, &endpoint, &pwd, id, outbox);
                answer(outcome);
            }
            Letter::ChannelText { id, text } => bridge.on_channel_text(now, id, &text, outbox),
            Letter::ChannelClosed { id } => bridge.on_channel_closed(now, id),
            Letter::SetCandidates(candidates) => bridge.set_candidates(candidates),
            Letter::Drain(draining) => bridge.set_draining(draining),
            Letter::Discover(servers) => self.discovery.ask(&servers, self.secret, outbox),
            Letter::Tap { meeting_id, id, wanted, socket, first, answer } => {
                let outcome = bridge.tap(now, &meeting_id, id, wanted, outbox);
                if outcome.is_ok() {
                    self.taps.add(now, id, socket);
                    if !first.is_empty() {
                        self.taps.put(id, Tapped::Notes(first.as_bytes()));
                    }
                    // Whoever is answered may speak at once, over the same socket.
                    self.flush_taps(now);
                }
                answer(outcome);
            }
            Letter::Untap { id, answer } => {
                self.fill_taps();
                self.taps.remove(id);
                self.bridge.untap(now, id, &mut self.outbox);
                answer(());
            }
            Letter::Announce { meeting_id, text } => bridge.announce(now, &meeting_id, &text, outbox),
            Letter::TapWish { id, ssrc } => bridge.on_tap_wish(now, id, Ssrc(ssrc), outbox),
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
            if let Event::ConferenceOver { meeting_id } = &event {
                self.place.company.forget_meeting(meeting_id);
            }
            (self.listener)(Notice::Bridge(event));
        }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let (last, crashed) = (self.place.company.ends(), std::thread::panicking());
        if last || crashed {
            (self.listener)(Notice::Ended { crashed });
        }
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

    fn worker() -> (Workers, u16, mpsc::Receiver<Notice>) {
        workers(1)
    }

    fn workers(count: usize) -> (Workers, u16, mpsc::Receiver<Notice>) {
        let sockets = Sockets::bind(&[LOCALHOST], 0).unwrap();
        let port = sockets.port();
        let (notices, received) = mpsc::channel();
        let listener: Listener = Arc::new(move |notice| notices.send(notice).unwrap());
        let identity = Arc::new(Identity::generate().unwrap());
        (start(count, sockets, &BridgeConfig::default(), &identity, [7; 32], &listener).unwrap(), port, received)
    }

    fn report(worker: &Workers) -> Report {
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
    fn endpoint(worker: &Workers, notices: &mpsc::Receiver<Notice>) -> (String, String) {
        endpoint_of("m", worker, notices)
    }

    fn endpoint_of(meeting_id: &str, worker: &Workers, notices: &mpsc::Receiver<Notice>) -> (String, String) {
        order(meeting_id, worker);
        match notices.recv().unwrap() {
            Notice::Bridge(Event::Reply(Reply::Done { id: 7, mut answer })) => {
                let transport = answer.endpoints.remove(0).transport.unwrap();
                (transport.ufrag.unwrap(), transport.pwd.unwrap())
            }
            other => panic!("{other:?}"),
        }
    }

    /// A conference with one endpoint.
    fn order(meeting_id: &str, worker: &Workers) {
        let transport = TransportModify { ice_controlling: true, ..TransportModify::default() };
        let endpoint = EndpointModify {
            id: "abcd1234".to_owned(),
            create: true,
            transport: Some(transport),
            capabilities: Capabilities { source_names: true, ..Capabilities::default() },
            ..EndpointModify::default()
        };
        let request = ConferenceModify {
            meeting_id: meeting_id.to_owned(),
            create: true,
            endpoints: vec![endpoint],
            ..ConferenceModify::default()
        };
        worker.mailbox().post(Letter::Apply(Command { id: 7, request, client_is_local: true }));
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

    #[test]
    fn each_conference_has_a_worker_and_datagrams_find_it() {
        let (workers, port, notices) = workers(3);
        let browsers: Vec<_> = (0..6)
            .map(|number| {
                let credentials = endpoint_of(&format!("meeting {number}"), &workers, &notices);
                let browser = UdpSocket::bind("127.0.0.1:0").unwrap();
                browser.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                (browser, credentials)
            })
            .collect();
        let mut firsts: Vec<_> = browsers.iter().filter_map(|(_, (ufrag, _))| ufrag.chars().next()).collect();
        firsts.sort_unstable();
        assert_eq!(firsts, ['a', 'a', 'b', 'b', 'c', 'c'], "two for each worker");
        for (browser, (ufrag, pwd)) in &browsers {
            browser.send_to(&binding_request(ufrag, pwd), (LOCALHOST, port)).unwrap();
            let mut answer = [0; 1500];
            let (_, from) = browser.recv_from(&mut answer).unwrap();
            assert_eq!((from.port(), &answer[..2]), (port, [1, 1].as_slice()));
            // A path that was checked is its owner's: this is no stranger's, though it says nothing that can be understood.
            browser.send_to(&[0x80; 200], (LOCALHOST, port)).unwrap();
        }
        while report(&workers).shell.received < 12 {
            std::thread::yield_now();
        }
        let report = report(&workers);
        assert_eq!((report.bridge.conferences, report.bridge.endpoints, report.bridge.strangers), (6, 6, 0));
        workers.mailbox().post(Letter::ShutDown);
        assert!(workers.join());
        let ended = notices.iter().filter(|notice| matches!(notice, Notice::Ended { .. })).count();
        assert_eq!(ended, 1, "when the last one has");
    }

    #[test]
    fn the_limit_of_participants_counts_all_workers() {
        let sockets = Sockets::bind(&[LOCALHOST], 0).unwrap();
        let (notices, received) = mpsc::channel();
        let listener: Listener = Arc::new(move |notice| notices.send(notice).unwrap());
        let config = BridgeConfig { max_participants: 2, ..BridgeConfig::default() };
        let workers = start(2, sockets, &config, &Arc::new(Identity::generate().unwrap()), [7; 32], &listener).unwrap();
        endpoint_of("one", &workers, &received);
        endpoint_of("two", &workers, &received);
        // Each knows of the other's when it has had a turn since.
        assert_eq!((0..2).map(|_| report(&workers).bridge.endpoints).collect::<Vec<_>>(), [2, 2]);
        order("three", &workers);
        let refused = received.recv().unwrap();
        let full = Reply::Refused { id: 7, refusal: jitsi_wire::colibri2::Refusal::Full(2) };
        assert!(matches!(&refused, Notice::Bridge(Event::Reply(reply)) if *reply == full), "{refused:?}");
        workers.mailbox().post(Letter::ShutDown);
        assert!(workers.join());
    }

    #[test]
    fn what_a_tap_is_told_first_is_said_before_whoever_asked_for_it_is_answered() {
        use media_tap::Message;
        use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, socketpair};
        use std::os::fd::AsRawFd;
        let (worker, _, notices) = worker();
        endpoint(&worker, &notices);
        let (socket, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        let mut first = Message::default();
        assert!(first.push_note(Duration::ZERO, &"hello"));
        let expected = first.as_bytes().to_vec();
        let (answer, answered) = mpsc::channel();
        // Looked at on the worker's thread: later it would be there in any case.
        let answer = Box::new(move |outcome| {
            let mut buffer = [0; 256];
            let len = recv(theirs.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT).unwrap_or_default();
            answer.send((outcome, buffer[..len].to_vec(), theirs)).unwrap();
        });
        let (id, wanted) = (crate::core::taps::TapId(1), crate::core::taps::Extent::Everything);
        worker.mailbox().post(Letter::Tap { meeting_id: "m".to_owned(), id, wanted, socket, first, answer });
        let (outcome, heard, _theirs) = answered.recv().unwrap();
        assert_eq!((outcome, heard), (Ok(()), expected));
        worker.mailbox().post(Letter::ShutDown);
        assert!(worker.join());
    }
}
