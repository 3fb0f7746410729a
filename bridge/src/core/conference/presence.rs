//! Who is alive: connectivity events, expiry, and clients that never open a channel.

use std::time::{Duration, Instant};

use jitsi_wire::bridge_channel::BridgeMessage;

use super::Conference;
use crate::core::endpoint::Endpoint;
use crate::core::turn::Turn;

/// A client that never showed life is inactive after this time (jitsi-videobridge `first-transfer-timeout`).
const FIRST_LIFE: Duration = Duration::from_secs(15);
/// A client without a sign of life is inactive after this time (jitsi-videobridge `max-inactivity-limit`).
const INACTIVE: Duration = Duration::from_secs(8);
/// A client without a sign of life is given up after this time.
const EXPIRED: Duration = Duration::from_secs(60);
/// A client that never showed life is given up after this time.
const NEVER_CAME: Duration = Duration::from_secs(120);
/// Clients have this long to say over a channel what they want; then they are shown something.
const NO_CHANNEL: Duration = Duration::from_secs(10);

/// Ids that are remembered as inactive, those of endpoints that are gone included.
const MAX_INACTIVE: usize = 1000;

impl Conference {
    pub(super) fn watch_newcomer(&mut self, now: Instant) {
        self.check_by(now + FIRST_LIFE);
    }

    pub(super) fn watch_silent_channel(&mut self, now: Instant) {
        self.check_by(now + NO_CHANNEL);
    }

    /// Something authentic came from this endpoint.
    pub(super) fn on_sign_of_life(&mut self, now: Instant, place: usize) {
        if self.get(place).is_some_and(|endpoint| endpoint.inactive || self.inactive.contains(&*endpoint.id)) {
            self.check_by(now);
        }
    }

    fn check_by(&mut self, at: Instant) {
        self.next_check = Some(self.next_check.map_or(at, |next| next.min(at)));
    }

    /// Looks at everybody, and decides when to look again.
    pub(super) fn check_presence(&mut self, turn: &mut Turn<'_>) {
        self.next_check = None;
        for place in 0..self.endpoints.len() {
            self.check_endpoint(turn, place);
        }
    }

    fn check_endpoint(&mut self, turn: &mut Turn<'_>, place: usize) {
        let now = turn.now;
        let Some(endpoint) = self.endpoints.get_mut(place).and_then(Option::as_deref_mut) else {
            return;
        };
        if expires_at(endpoint) <= now {
            turn.counters.totals.ice_failed += u64::from(endpoint.last_activity().is_none());
            self.lose(turn, place);
            return;
        }
        let mut next = expires_at(endpoint);
        if let Some(at) = speechless_at(endpoint) {
            if at > now {
                next = next.min(at);
            } else if endpoint.settings.assume_default() {
                turn.counters.totals.silent_channels += 1;
                self.allocation_stale = true;
            }
        }
        let inactive_at = inactive_at(endpoint);
        let is_inactive = inactive_at <= now;
        let came = endpoint.last_activity().is_some();
        if !is_inactive {
            next = next.min(inactive_at);
        }
        endpoint.inactive = is_inactive;
        let visitor = endpoint.visitor;
        let id = endpoint.id.to_string();
        if self.inactive.len() >= MAX_INACTIVE {
            self.inactive.pop_first();
        }
        let changed = if is_inactive { self.inactive.insert(id.clone()) } else { came && self.inactive.remove(&id) };
        self.check_by(self.grid.at(next));
        if changed && !visitor {
            let totals = &mut turn.counters.totals;
            *(if is_inactive { &mut totals.disconnected } else { &mut totals.reconnected }) += 1;
            self.broadcast(
                turn,
                &BridgeMessage::EndpointConnectivityStatusChangeEvent { endpoint: id, active: !is_inactive },
            );
        }
    }
}

fn expires_at(endpoint: &Endpoint) -> Instant {
    endpoint.last_activity().map_or(endpoint.created + NEVER_CAME, |last| last + EXPIRED)
}

fn inactive_at(endpoint: &Endpoint) -> Instant {
    endpoint.last_activity().map_or(endpoint.created + FIRST_LIFE, |last| last + INACTIVE)
}

/// When a client without a channel is shown something; nothing for those that have one.
fn speechless_at(endpoint: &Endpoint) -> Option<Instant> {
    let waits = !endpoint.channel.was_opened() && !endpoint.settings.received();
    endpoint.media_since.filter(|_| waits).map(|since| since + NO_CHANNEL)
}
