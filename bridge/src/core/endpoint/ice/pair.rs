//! One candidate pair: a path of the peer, what we asked on it and what came back.

use std::time::{Duration, Instant};

use crate::core::Path;

/// Consent is gone this long after the last answered check (RFC 7675, 5.1).
pub(crate) const CONSENT_LIFETIME: Duration = Duration::from_secs(30);
/// Between consent checks, before it is spread by 20 %.
pub(crate) const CONSENT_INTERVAL: Duration = Duration::from_secs(5);
/// First retransmission of a check, and the pace of retransmitted consent checks.
pub(crate) const RTO: Duration = Duration::from_millis(500);
/// Sends of one check (RFC 8489, Rc).
const MAX_SENDS: u8 = 7;
/// A peer that is heard brings an unanswered check forward, but not closer to the last one than this.
const TRIGGERED_SPACING: Duration = Duration::from_millis(200);
/// Sends of one check before the pauses begin to double.
const EAGER_SENDS: u8 = 3;
/// A path whose checks of ours nobody answered is kept this long after the peer's last request on it.
const UNPROVEN_LIFETIME: Duration = Duration::from_secs(60);
/// Valid pairs that the peer has left alone for longer are let go: Chrome checks its spare pairs every 15 to 25 s.
const SPARE_LIFETIME: Duration = Duration::from_secs(30);

/// A check of ours that may still be answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) transaction: [u8; 12],
    pub(crate) at: Instant,
    pub(crate) nominates: bool,
    pub(crate) controlling: bool,
}

/// The triggered check of a pair that is not valid yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probe {
    pub(crate) sends: u8,
    sent: Instant,
    pub(crate) due: Instant,
}

impl Probe {
    fn new(now: Instant) -> Self {
        Self { sends: 0, sent: now, due: now }
    }

    /// Somebody is there: the answer or the check was lost (RFC 8445, 7.3.1.4).
    fn bring_forward(&mut self, now: Instant) {
        if self.sends > 0 {
            self.due = self.due.min(now.max(self.sent + TRIGGERED_SPACING));
        }
    }
}

#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) path: Path,
    /// The remote address is a relay's that the peer signalled.
    pub(crate) relayed: bool,
    /// Last authenticated request or media.
    pub(crate) heard: Instant,
    /// Last authenticated anything, answers included.
    pub(crate) inbound: Instant,
    pub(crate) media: Option<Instant>,
    /// The peer, being the controlling side, said USE-CANDIDATE.
    pub(crate) peer_nominates: bool,
    pub(crate) probe: Option<Probe>,
    sent: heapless::Deque<Sent, 8>,
    /// When the first check of ours was answered.
    pub(crate) valid_since: Option<Instant>,
    consent: Option<Instant>,
    pub(crate) consent_due: Instant,
}

impl Pair {
    pub(crate) fn new(path: Path, now: Instant, relayed: bool) -> Self {
        Self {
            path,
            relayed,
            heard: now,
            inbound: now,
            media: None,
            peer_nominates: false,
            probe: None,
            sent: heapless::Deque::new(),
            valid_since: None,
            consent: None,
            consent_due: now,
        }
    }

    /// Media of the peer came on this pair. It may come before a check of ours was answered, on lines that lose much.
    pub(crate) fn on_media(&mut self, now: Instant) {
        self.media = Some(now);
        self.heard = now;
        self.inbound = now;
        if self.valid_since.is_none() {
            let probe = self.probe.get_or_insert_with(|| Probe::new(now));
            probe.sends = probe.sends.min(EAGER_SENDS);
            probe.bring_forward(now);
        }
    }

    /// The peer asked on this pair: our own check of it follows, unless one is under way or not needed any more.
    pub(crate) fn on_request(&mut self, now: Instant) {
        self.heard = now;
        self.inbound = now;
        if self.valid_since.is_none() && self.probe.is_none() {
            self.probe = Some(Probe::new(now));
        } else if let Some(probe) = &mut self.probe {
            probe.bring_forward(now);
        }
    }

    /// Starts the check of a pair that has waited for the peer's credentials or for another role.
    pub(crate) fn check_again(&mut self, now: Instant) {
        if self.valid_since.is_none() {
            self.probe = Some(Probe::new(now));
        }
    }

    /// Notes that the triggered check went out once more.
    pub(crate) fn on_probe_sent(&mut self, now: Instant) {
        let Some(probe) = &mut self.probe else { return };
        // The peer was heard on this path, so that loss is likelier than absence: the first repetitions do not slow down.
        probe.due = now + RTO * (1 << probe.sends.min(MAX_SENDS).saturating_sub(EAGER_SENDS));
        probe.sends += 1;
        probe.sent = now;
    }

    /// Gives up a check that nobody answers; the next request of the peer starts another.
    pub(crate) fn give_up(&mut self, now: Instant) {
        if self.probe.is_some_and(|probe| probe.sends >= MAX_SENDS && probe.due <= now) {
            self.probe = None;
        }
    }

    pub(crate) fn probe_due(&self, now: Instant) -> Option<Probe> {
        self.probe.filter(|probe| probe.due <= now && probe.sends < MAX_SENDS)
    }

    pub(crate) fn remember(&mut self, sent: Sent) {
        if self.sent.is_full() {
            self.sent.pop_front();
        }
        let _ = self.sent.push_back(sent);
    }

    /// The check that an answer belongs to; each is answered once.
    pub(crate) fn take_sent(&mut self, transaction: &[u8; 12]) -> Option<Sent> {
        let found = self.sent.iter().find(|sent| &sent.transaction == transaction).copied()?;
        for _ in 0..self.sent.len() {
            if let Some(sent) = self.sent.pop_front()
                && sent.transaction != found.transaction
            {
                let _ = self.sent.push_back(sent);
            }
        }
        Some(found)
    }

    pub(crate) fn knows(&self, transaction: &[u8; 12]) -> bool {
        self.sent.iter().any(|sent| &sent.transaction == transaction)
    }

    /// A check of ours was answered. `next` is the time of the next one.
    pub(crate) fn on_consent(&mut self, now: Instant, next: Instant) {
        self.valid_since.get_or_insert(now);
        self.consent = Some(now);
        self.inbound = now;
        self.probe = None;
        self.consent_due = next;
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.valid_since.is_some()
    }

    /// Valid, and the peer agreed to get our packets not too long ago.
    pub(crate) fn usable(&self, now: Instant) -> bool {
        self.is_valid() && self.consent.is_some_and(|at| now < at + CONSENT_LIFETIME)
    }

    /// Whether consent is worth asking for when its time comes.
    pub(crate) fn wants_consent(&self, selected: bool) -> bool {
        self.is_valid() && (selected || self.consent_due < self.heard + SPARE_LIFETIME)
    }

    /// When the pair is forgotten unless something happens before.
    pub(crate) fn expiry(&self) -> Instant {
        match self.consent {
            Some(at) => at + CONSENT_LIFETIME,
            None => self.heard + UNPROVEN_LIFETIME,
        }
    }
}
