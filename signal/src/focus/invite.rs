//! From a joined occupant to an offered session and back: discovery, allocation, offer, end, and beginning anew.

use std::time::{Duration, Instant};

use jitsi_wire::colibri2::{
    Capabilities, ConferenceModified, ConferenceModify, EndpointModify, ForceMute, MediaSource, Refusal, SctpModify,
    TransportModify,
};
use jitsi_wire::jingle::{
    Action, IceUdpTransport, Jingle, MediaKind, OwnerSources, Reason, Source, SourceSet, StartMuted,
};
use jitsi_wire::xmpp::Element;

use super::FocusOutput;
use super::bridge_port::OrderId;
use super::conference::Conference;
use super::desk::{Desk, OpenOrder, OrderKind};
use super::features::{self, Caps};
use super::mute::force_mute;
use super::offer::{self, Allocation, BRIDGE_OWNER};
use super::participant::{Knowledge, Participant, Session, Stage};

/// A bridge that keeps failing is asked again after at most this.
const MAX_BACKOFF: Duration = Duration::from_secs(60);

impl Conference {
    /// Features from the cache, or a question to the client.
    pub(super) fn discover(&self, now: Instant, desk: &mut Desk, nick: &str, presence: &Element) -> Knowledge {
        let caps = Caps::of(presence);
        if let Some(features) = caps.as_ref().and_then(|c| desk.caps.get(&c.ver)) {
            return Knowledge::Known(features);
        }
        let iq = desk.ask(&self.room, nick, "get", features::query(caps.as_ref()));
        Knowledge::Asked { iq, until: now + desk.config.discovery }
    }

    /// Result or error of an IQ that we sent.
    pub(super) fn on_iq_reply(&mut self, now: Instant, desk: &mut Desk, nick: &str, iq: &Element) {
        let Some(participant) = self.participants.get_mut(nick) else {
            return;
        };
        let id = iq.attr("id").unwrap_or_default();
        let failed = iq.attr("type") == Some("error");
        if let Knowledge::Asked { iq: asked, .. } = &participant.knowledge
            && asked == id
        {
            let learned = desk.caps.learn(participant.caps.as_ref(), iq);
            participant.knowledge = Knowledge::Known(learned.unwrap_or(features::Features::ASSUMED));
            self.review(now, desk);
        } else if failed && participant.session.as_ref().is_some_and(|s| s.stage == Stage::Offered && s.offer_iq == id)
        {
            tracing::info!(room = %self.room, endpoint = %nick, "client refused the session");
            self.fail_session(now, desk, nick);
            self.review(now, desk);
        }
    }

    /// Invites everybody who waits for it, first come first.
    pub(super) fn invite_waiting(&mut self, now: Instant, desk: &mut Desk) {
        let mut waiting: Vec<(u64, String)> = self
            .participants
            .iter()
            .filter(|(_, p)| p.is_waiting(now))
            .map(|(nick, p)| (p.ordinal, nick.clone()))
            .collect();
        waiting.sort();
        let meets = !waiting.is_empty();
        for (_, nick) in waiting {
            self.allocate(now, desk, &nick);
        }
        if meets {
            self.record_automatically(desk);
        }
    }

    /// Asks the bridge for an endpoint.
    fn allocate(&mut self, now: Instant, desk: &mut Desk, nick: &str) {
        let create_conference = !self.at_bridge;
        let connects = if create_conference { self.first_connects(desk) } else { Vec::new() };
        let codecs = self.codecs.order(&desk.config);
        let name = create_conference.then(|| self.jid(desk));
        let Some(participant) = self.participants.get_mut(nick) else {
            return;
        };
        let Some(features) = participant.features() else {
            return;
        };
        if create_conference {
            self.epoch += 1;
        }
        let sid = desk.sid();
        let force_mute = force_mute(&self.moderation, nick, participant);
        let request = ConferenceModify {
            meeting_id: self.meeting_id.clone(),
            name,
            create: create_conference,
            expire: false,
            endpoints: vec![EndpointModify {
                create: true,
                stats_id: participant.stats_id.clone(),
                media: offer::media(&codecs, &features),
                transport: Some(TransportModify {
                    ice_controlling: true,
                    sctp: offer::wants_data_channel(&desk.config, &features).then(SctpModify::default),
                    ..TransportModify::default()
                }),
                sources: Some(Vec::new()),
                force_mute: (force_mute != ForceMute::default()).then_some(force_mute),
                capabilities: Capabilities {
                    source_names: true,
                    ssrc_rewriting: features.ssrc_rewriting,
                    rtp_mid_demux: features.ssrc_rewriting && features.mid_demux,
                    ..Capabilities::default()
                },
                ..endpoint(nick)
            }],
            connects,
        };
        let open = OpenOrder {
            room: self.room.clone(),
            nick: nick.to_owned(),
            sid: sid.clone(),
            kind: OrderKind::Create { conference: create_conference },
            epoch: self.epoch,
            until: now + desk.config.order,
        };
        let id = desk.order(open, is_local(&participant.authority), request);
        self.at_bridge = true;
        participant.at_bridge = true;
        participant.retry_at = None;
        participant.session = Some(Session {
            stage: Stage::Allocating(id),
            sid,
            bridge_session: desk.uuid(),
            offer_iq: String::new(),
            announced: Default::default(),
            candidates: 0,
            ice_generation: None,
            force_mute,
        });
    }

    /// The bridge carried out an order.
    pub(super) fn on_done(
        &mut self,
        now: Instant,
        desk: &mut Desk,
        id: OrderId,
        open: &OpenOrder,
        answer: ConferenceModified,
    ) {
        self.set_bridge_down(desk, false);
        if open.kind == OrderKind::IceRestart {
            return self.on_ice_restarted(now, desk, open, answer);
        }
        let stage = self.participants.get(&open.nick).and_then(Participant::stage);
        if stage != Some(Stage::Allocating(id)) {
            return;
        }
        let endpoint = answer.endpoints.into_iter().find(|e| e.id == open.nick);
        let Some((transport, port)) = endpoint.and_then(|e| Some((e.transport?, e.sctp_port))) else {
            tracing::warn!(room = %self.room, endpoint = %open.nick, "the bridge gave no transport");
            self.fail_session(now, desk, &open.nick);
            return self.review(now, desk);
        };
        self.bridge_sources = bridge_sources(&answer.sources);
        let own = answer.sources.iter().flat_map(|s| s.ssrcs.iter().copied());
        self.book.reserve(own);
        self.offer(desk, &open.nick, transport, port);
    }

    /// The bridge refused an order, or did not answer.
    pub(super) fn on_refused(
        &mut self,
        now: Instant,
        desk: &mut Desk,
        id: OrderId,
        open: &OpenOrder,
        refusal: &Refusal,
    ) {
        let Some(participant) = self.participants.get_mut(&open.nick) else {
            return;
        };
        let current = participant.session.as_ref().is_some_and(|s| s.sid == open.sid);
        tracing::warn!(room = %self.room, endpoint = %open.nick, order = id.0, %refusal, "the bridge refused an order");
        if !current {
            return;
        }
        let create = matches!(open.kind, OrderKind::Create { .. });
        match refusal {
            Refusal::ConferenceNotFound => return self.lose_conference(now, desk, open),
            Refusal::UnknownEndpoint(_) => participant.at_bridge = false,
            Refusal::Timeout | Refusal::GracefulShutdown if create => {
                self.set_bridge_down(desk, true);
            }
            Refusal::EndpointExists(_) | Refusal::ConferenceAlreadyExists => {}
            _ if create => {
                participant.at_bridge = false;
                if open.kind == (OrderKind::Create { conference: true }) {
                    self.at_bridge = false;
                }
            }
            _ if open.kind == OrderKind::IceRestart => {}
            // A session that runs is not ended because a change to it was not understood.
            _ => return,
        }
        self.fail_session(now, desk, &open.nick);
        self.review(now, desk);
    }

    /// The bridge does not know the conference: nobody in it has media.
    fn lose_conference(&mut self, now: Instant, desk: &mut Desk, open: &OpenOrder) {
        let lost: Vec<String> = if open.epoch == self.epoch {
            self.at_bridge = false;
            let at_bridge = self.participants.iter().filter(|(_, p)| p.at_bridge);
            at_bridge.map(|(nick, _)| nick.clone()).collect()
        } else {
            vec![open.nick.clone()]
        };
        for nick in &lost {
            if let Some(participant) = self.participants.get_mut(nick) {
                participant.at_bridge = false;
            }
        }
        for nick in &lost {
            self.fail_session(now, desk, nick);
        }
        self.review(now, desk);
    }

    /// The bridge lost an endpoint.
    pub(super) fn on_endpoint_gone(&mut self, now: Instant, desk: &mut Desk, nick: &str) {
        let Some(participant) = self.participants.get_mut(nick) else {
            return;
        };
        // While an endpoint is being made this can only be about the one before it.
        if matches!(participant.stage(), Some(Stage::Offered | Stage::Accepted)) {
            participant.at_bridge = false;
            self.fail_session(now, desk, nick);
            self.review(now, desk);
        }
    }

    fn offer(&mut self, desk: &mut Desk, nick: &str, transport: IceUdpTransport, sctp_port: Option<u16>) {
        let focus = self.focus_jid(desk);
        let Some(features) = self.participants.get(nick).and_then(Participant::features) else {
            return;
        };
        let start_muted = self.start_muted_for(nick, features.start_muted_metadata);
        let announced = self.visible_to(nick, &features);
        let mut sources = vec![self.bridge_sources.clone()];
        sources.extend(announced.values().map(|s| (**s).clone()));
        let Some(participant) = self.participants.get_mut(nick) else {
            return;
        };
        let Some(session) = &participant.session else {
            return;
        };
        let codecs = &self.codecs.order(&desk.config);
        let jingle = offer::session_initiate(
            &desk.config,
            &focus,
            &session.sid,
            &session.bridge_session,
            participant,
            &features,
            Allocation { transport, sctp_port, sources: &sources, start_muted, codecs },
        );
        let offer_iq = desk.ask(&self.room, nick, "set", jingle.to_element());
        participant.invited_before = true;
        if let Some(session) = &mut participant.session {
            session.stage = Stage::Offered;
            session.offer_iq = offer_iq;
            session.announced = announced;
        }
    }

    /// Told once, with the first offer, to clients that do not read it from room metadata.
    fn start_muted_for(&self, nick: &str, reads_metadata: bool) -> Option<StartMuted> {
        let participant = self.participants.get(nick)?;
        if reads_metadata || participant.invited_before {
            return None;
        }
        let place = self.participants.values().filter(|p| p.is_member() && p.ordinal <= participant.ordinal).count();
        let beyond = |count: Option<usize>| count.is_some_and(|count| place > count);
        let muted = StartMuted {
            audio: self.start_muted.audio || beyond(self.start_muted_after.audio),
            video: self.start_muted.video || beyond(self.start_muted_after.video),
        };
        (muted.audio || muted.video).then_some(muted)
    }

    /// Sends the bridge a change of a running endpoint.
    pub(super) fn update(&mut self, now: Instant, desk: &mut Desk, nick: &str, change: EndpointModify) {
        self.change(now, desk, nick, OrderKind::Update, change);
    }

    pub(super) fn change(
        &mut self,
        now: Instant,
        desk: &mut Desk,
        nick: &str,
        kind: OrderKind,
        change: EndpointModify,
    ) {
        let Some(participant) = self.participants.get(nick) else {
            return;
        };
        let Some(session) = &participant.session else {
            return;
        };
        let open = OpenOrder {
            room: self.room.clone(),
            nick: nick.to_owned(),
            sid: session.sid.clone(),
            kind,
            epoch: self.epoch,
            until: now + desk.config.order,
        };
        let request = ConferenceModify {
            meeting_id: self.meeting_id.clone(),
            endpoints: vec![change],
            ..ConferenceModify::default()
        };
        desk.order(open, is_local(&participant.authority), request);
    }

    /// Frees what `nick` has at the bridge and in the book of sources, and forgets its session.
    pub(super) fn release(&mut self, now: Instant, desk: &mut Desk, nick: &str) {
        self.book.end(now, nick);
        let others = self.participants.iter().any(|(other, p)| other != nick && p.at_bridge);
        let Some(participant) = self.participants.get_mut(nick) else {
            return;
        };
        participant.session = None;
        let had_endpoint = std::mem::take(&mut participant.at_bridge);
        let mut request = ConferenceModify { meeting_id: self.meeting_id.clone(), ..ConferenceModify::default() };
        if self.at_bridge && !others {
            request.expire = true;
            self.at_bridge = false;
            desk.send_order(false, request);
        } else if had_endpoint {
            request.endpoints.push(EndpointModify { expire: true, ..endpoint(nick) });
            desk.send_order(false, request);
        }
    }

    /// Ends the session of `nick`, with a session-terminate when the client has to be told.
    pub(super) fn end_session(&mut self, now: Instant, desk: &mut Desk, nick: &str, notice: Option<Reason>) {
        let focus = self.focus_jid(desk);
        let told = self
            .participants
            .get(nick)
            .and_then(|p| p.session.as_ref())
            .filter(|s| !matches!(s.stage, Stage::Allocating(_)))
            .map(|s| s.sid.clone());
        if let (Some(sid), Some(reason)) = (told, notice) {
            let mut jingle = Jingle::new(Action::SessionTerminate, sid);
            jingle.initiator = Some(focus);
            jingle.reason = Some(reason);
            desk.ask(&self.room, nick, "set", jingle.to_element());
        }
        self.release(now, desk, nick);
        self.sync(desk);
    }

    /// The session of `nick` broke: it is invited again, no sooner than the limits allow. The caller reviews.
    pub(super) fn fail_session(&mut self, now: Instant, desk: &mut Desk, nick: &str) {
        let Some(participant) = self.participants.get_mut(nick) else {
            return;
        };
        let offered = matches!(participant.stage(), Some(Stage::Offered | Stage::Accepted));
        participant.failures = participant.failures.saturating_add(1);
        let backoff = match participant.failures {
            0 | 1 => Duration::ZERO,
            n => Duration::from_secs(1 << n.min(6)).min(MAX_BACKOFF),
        };
        let at = participant.allowance.restarts.earliest(now).max(now + backoff);
        participant.allowance.restarts.record(at);
        participant.retry_at = Some(at);
        let stuck = offered && !participant.is_movable();
        participant.declined |= stuck;
        self.end_session(now, desk, nick, Some(Reason::new("success", Some("moving"))));
        if stuck {
            // COMPAT(gst-meet): it ignores session-terminate; out of the room its supervisor starts it anew.
            desk.emit(FocusOutput::Kick {
                room: self.room.clone(),
                nick: nick.to_owned(),
                reason: "The session broke, join again".to_owned(),
            });
        }
    }

    /// Those who have been alone for a while get their sessions back when somebody comes.
    pub(super) fn end_idle(&mut self, now: Instant, desk: &mut Desk) {
        let idle: Vec<String> = self
            .participants
            .iter()
            .filter(|(_, p)| p.session.is_some() && p.is_movable())
            .map(|(nick, _)| nick.clone())
            .collect();
        for nick in idle {
            let reason = Reason::new("expired", Some("Idle session timeout"));
            self.end_session(now, desk, &nick, Some(reason));
        }
    }
}

/// An `endpoint` with what every order says about a client.
pub(super) fn endpoint(nick: &str) -> EndpointModify {
    EndpointModify {
        id: nick.to_owned(),
        capabilities: Capabilities { source_names: true, ..Capabilities::default() },
        ..EndpointModify::default()
    }
}

/// The bridge's sources with the labels that clients know to hide.
fn bridge_sources(list: &[MediaSource]) -> OwnerSources {
    let of = |kind: MediaKind| SourceSet {
        sources: list
            .iter()
            .filter(|s| s.kind == kind)
            .filter_map(|s| {
                Some(Source {
                    ssrc: s.ssrcs.first().copied()?,
                    name: Some(s.id.clone()),
                    msid: Some(format!("mixedmslabel mixedlabel{}0", kind.as_str())),
                    ..Source::default()
                })
            })
            .collect(),
        groups: Vec::new(),
    };
    OwnerSources { owner: BRIDGE_OWNER.to_owned(), audio: of(MediaKind::Audio), video: of(MediaKind::Video) }
}

/// The client's URL names this machine's loopback.
fn is_local(authority: &str) -> bool {
    let host = authority.rsplit_once(':').map_or(authority, |(host, port)| {
        let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        if is_port { host } else { authority }
    });
    let address: Option<std::net::IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    match address {
        Some(address) => address.is_loopback(),
        None => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_recognised_in_every_spelling() {
        for authority in ["localhost", "LocalHost:8443", "127.0.0.1:8443", "127.1.2.3", "[::1]:8443", "[::1]"] {
            assert!(is_local(authority), "{authority}");
        }
        for authority in ["box.local:8443", "192.0.2.1:8443", "[fd00::1]:8443", "[fe80::1]"] {
            assert!(!is_local(authority), "{authority}");
        }
    }
}
