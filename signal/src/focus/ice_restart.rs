//! ICE restart in place: the client asks, the bridge takes new credentials beside the old ones, each side tells the other its own
//! under one number, and media moves without a gap. Whatever fails leads to a new session.

use std::time::Instant;

use jitsi_wire::colibri2::{ConferenceModified, EndpointModify, TransportModify};
use jitsi_wire::jingle::{Action, Content, IceUdpTransport, Jingle};
use jitsi_wire::xmpp::{Condition, StanzaError};

use super::conference::Conference;
use super::desk::{Desk, OpenOrder, OrderKind};
use super::invite::endpoint;
use super::offer;
use super::participant::{Participant, Stage};

/// A client wants its session's ICE restarted. Only the session that it has counts, and not too often.
pub(super) fn judge(
    now: Instant,
    participant: &mut Participant,
    bridge_session: Option<&str>,
) -> Result<(), StanzaError> {
    let refuse = |condition| Err(StanzaError::new(condition));
    let session = participant.session.as_ref().filter(|session| session.stage == Stage::Accepted);
    if session.is_none_or(|session| bridge_session != Some(&session.bridge_session)) {
        return refuse(Condition::ItemNotFound);
    }
    if participant.allowance.ice_restarts.earliest(now) > now {
        return refuse(Condition::ResourceConstraint);
    }
    participant.allowance.ice_restarts.record(now);
    Ok(())
}

/// The client's new credentials, when they belong to the restart that is under way.
pub(super) fn answer(generation: Option<u32>, contents: &[Content]) -> Option<IceUdpTransport> {
    let mut transports = contents.iter().filter_map(|content| content.transport.as_ref());
    let found = transports.find(|t| t.ice_generation.is_some() && t.ice_generation == generation)?;
    let complete = found.ufrag.is_some() && found.pwd.is_some();
    complete.then(|| IceUdpTransport { fingerprints: Vec::new(), web_socket: None, ..found.clone() })
}

impl Conference {
    /// Asks the bridge for new credentials.
    pub(super) fn restart_ice(&mut self, now: Instant, desk: &mut Desk, nick: &str) {
        let transport = TransportModify { ice_controlling: true, ice_restart: true, ..TransportModify::default() };
        let change = EndpointModify { transport: Some(transport), ..endpoint(nick) };
        self.change(now, desk, nick, OrderKind::IceRestart, change);
    }

    /// The bridge has them: the client is told.
    pub(super) fn on_ice_restarted(
        &mut self,
        now: Instant,
        desk: &mut Desk,
        open: &OpenOrder,
        answer: ConferenceModified,
    ) {
        let focus = self.focus_jid(desk);
        let Some(participant) = self.participants.get_mut(&open.nick) else {
            return;
        };
        let Some(session) = participant.session.as_mut().filter(|session| session.sid == open.sid) else {
            return;
        };
        let endpoint = answer.endpoints.into_iter().find(|endpoint| endpoint.id == open.nick);
        let transport = endpoint.and_then(|endpoint| endpoint.transport).filter(|t| t.ice_generation.is_some());
        let Some(transport) = transport else {
            self.fail_session(now, desk, &open.nick);
            return self.review(now, desk);
        };
        session.ice_generation = transport.ice_generation;
        session.candidates = 0;
        let mut content = Content::offered("audio");
        content.transport = Some(offer::new_credentials(transport));
        let mut jingle = Jingle::new(Action::TransportInfo, session.sid.clone());
        jingle.initiator = Some(focus);
        jingle.contents.push(content);
        desk.ask(&self.room, &open.nick, "set", jingle.to_element());
    }
}
