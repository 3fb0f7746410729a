//! What clients say in Jingle: accept, sources, candidates, the end and the wish for a new beginning.
//!
//! Every IQ is answered within the call that brings it; what follows from it comes after the answer.

use std::time::Instant;

use jitsi_wire::colibri2::{EndpointModify, TransportModify};
use jitsi_wire::jingle::{Action, Candidate, IceUdpTransport, Jingle, MAX_CANDIDATES, Reason};
use jitsi_wire::xmpp::{Condition, Element, ErrorType, StanzaError, ns, stanza};

use super::codecs;
use super::conference::Conference;
use super::desk::Desk;
use super::ice_restart;
use super::invite::endpoint;
use super::participant::{Participant, Session, Stage};
use super::sources::{SourceError, proposed};

/// More video sources than this nobody can show.
const MAX_LAST_N: i32 = 1000;

/// What happens after an IQ has been answered.
#[derive(Debug)]
enum After {
    Nothing,
    /// The client accepted: its transport and sources go to the bridge, its sources to the others.
    Accepted {
        ice: IceUdpTransport,
        last_n: Option<i32>,
    },
    /// The book of sources changed.
    Sources,
    Candidates(Vec<Candidate>),
    /// The client wants new ICE credentials in the session that it has.
    IceRestart,
    /// The client's own new credentials.
    NewCredentials(IceUdpTransport),
    /// The client's session is of no use: begin anew.
    Broken,
    /// The client asked to begin anew, and has (or has not) ended its session itself.
    Restart {
        ended: bool,
    },
    /// The client wants no session.
    Ended,
}

type Verdict = (Result<(), StanzaError>, After);

impl Conference {
    /// A Jingle IQ of an occupant.
    pub(super) fn on_jingle(&mut self, now: Instant, desk: &mut Desk, nick: &str, iq: &Element, payload: &Element) {
        let (answer, after) = match Jingle::parse(payload) {
            Ok(_) if iq.attr("type") != Some("set") => refuse(Condition::BadRequest),
            Ok(jingle) => self.judge(now, nick, jingle),
            Err(error) => (Err(StanzaError::new(Condition::BadRequest).with_text(error.to_string())), After::Nothing),
        };
        let reply = match &answer {
            Ok(()) => stanza::iq_result(iq),
            Err(error) => stanza::iq_error(iq, error),
        };
        desk.send(&self.room, nick, reply);
        self.follow(now, desk, nick, after);
    }

    fn judge(&mut self, now: Instant, nick: &str, jingle: Jingle) -> Verdict {
        let Some(participant) = self.participants.get_mut(nick) else {
            return refuse(Condition::ItemNotFound);
        };
        let live =
            participant.session.as_ref().filter(|s| s.sid == jingle.sid && !matches!(s.stage, Stage::Allocating(_)));
        let Some(session) = live else {
            return unknown_session();
        };
        match jingle.action {
            Action::SessionAccept => self.on_accept(now, nick, jingle),
            Action::SourceAdd | Action::SourceRemove if !participant.allowance.sources.take(now) => {
                refuse(Condition::ResourceConstraint)
            }
            Action::SourceAdd | Action::SourceRemove => self.on_sources(now, nick, jingle),
            Action::TransportInfo => on_candidates(participant, jingle),
            Action::SessionTerminate => {
                let restart = jingle.bridge_session.as_ref().filter(|b| b.restart);
                match restart {
                    None => (Ok(()), After::Ended),
                    Some(named) if named.id.as_deref() != Some(&session.bridge_session) => {
                        refuse(Condition::ItemNotFound)
                    }
                    Some(_) => on_restart(now, participant, true),
                }
            }
            Action::SessionInfo => on_info(now, participant, &jingle),
            Action::TransportAccept
            | Action::TransportReject
            | Action::TransportReplace
            | Action::ContentAdd
            | Action::ContentModify
            | Action::ContentRemove => refuse(Condition::FeatureNotImplemented),
            // Only the focus opens sessions here.
            Action::SessionInitiate => refuse(Condition::NotAllowed),
        }
    }

    fn on_accept(&mut self, now: Instant, nick: &str, jingle: Jingle) -> Verdict {
        if self.participants.get(nick).and_then(Participant::stage) != Some(Stage::Offered) {
            return out_of_order();
        }
        let ice = jingle.contents.iter().filter_map(|c| c.transport.as_ref()).find(|t| t.is_complete());
        let Some(ice) = ice else {
            let error = StanzaError::new(Condition::BadRequest).with_text("no complete transport");
            return (Err(error), After::Broken);
        };
        let ice = IceUdpTransport { web_socket: None, ..ice.clone() };
        let decodes = codecs::decodes_by_answer(&jingle.contents);
        let last_n = jingle.initial_last_n.map(|n| n.clamp(-1, MAX_LAST_N));
        match self.book.add(now, nick, proposed(nick, jingle.contents)) {
            Ok(()) => {
                if let Some(participant) = self.participants.get_mut(nick) {
                    participant.failures = 0;
                    participant.decodes.answer = decodes;
                    if let Some(session) = &mut participant.session {
                        session.stage = Stage::Accepted;
                        session.candidates = ice.candidates.len();
                    }
                }
                (Ok(()), After::Accepted { ice, last_n })
            }
            Err(error) => (Err(source_error(&error)), After::Broken),
        }
    }

    fn on_sources(&mut self, now: Instant, nick: &str, jingle: Jingle) -> Verdict {
        if self.participants.get(nick).and_then(Participant::stage) != Some(Stage::Accepted) {
            return out_of_order();
        }
        let sources = proposed(nick, jingle.contents);
        if sources.audio.is_empty() && sources.video.is_empty() {
            return (Ok(()), After::Nothing);
        }
        let done = match jingle.action {
            Action::SourceAdd => self.book.add(now, nick, sources),
            _ => self.book.remove(now, nick, &sources),
        };
        match done {
            Ok(()) => (Ok(()), After::Sources),
            Err(error) => (Err(source_error(&error)), After::Nothing),
        }
    }

    fn follow(&mut self, now: Instant, desk: &mut Desk, nick: &str, after: After) {
        match after {
            After::Nothing => {}
            After::Accepted { ice, last_n } => {
                let change = EndpointModify {
                    sources: Some(self.book.for_bridge(nick)),
                    initial_last_n: last_n,
                    ..with_transport(nick, ice)
                };
                self.update(now, desk, nick, change);
                self.tell_muted(desk, nick);
                self.review_codecs(now, desk);
                self.sync(desk);
            }
            After::Sources => {
                let change = EndpointModify { sources: Some(self.book.for_bridge(nick)), ..endpoint(nick) };
                self.update(now, desk, nick, change);
                self.sync(desk);
            }
            After::Candidates(candidates) => {
                let ice = IceUdpTransport { candidates, ..IceUdpTransport::default() };
                self.update(now, desk, nick, with_transport(nick, ice));
            }
            After::IceRestart => self.restart_ice(now, desk, nick),
            After::NewCredentials(ice) => self.update(now, desk, nick, with_transport(nick, ice)),
            After::Broken => {
                self.fail_session(now, desk, nick);
                self.review(now, desk);
            }
            After::Restart { ended } => {
                let notice = (!ended).then(|| Reason::new("success", Some("moving")));
                self.end_session(now, desk, nick, notice);
                self.review(now, desk);
            }
            After::Ended => {
                if let Some(participant) = self.participants.get_mut(nick) {
                    participant.declined = true;
                }
                self.end_session(now, desk, nick, None);
                self.review(now, desk);
            }
        }
    }
}

/// A change of what the bridge knows of the client's transport.
fn with_transport(nick: &str, ice: IceUdpTransport) -> EndpointModify {
    let transport = TransportModify { ice_controlling: true, ice: Some(ice), ..TransportModify::default() };
    EndpointModify { transport: Some(transport), ..endpoint(nick) }
}

fn on_candidates(participant: &mut Participant, jingle: Jingle) -> Verdict {
    let Some(session) = &mut participant.session else {
        return unknown_session();
    };
    if let Some(ice) = ice_restart::answer(session.ice_generation, &jingle.contents) {
        return (Ok(()), After::NewCredentials(ice));
    }
    let room = MAX_CANDIDATES.saturating_sub(session.candidates);
    let candidates: Vec<Candidate> =
        jingle.contents.into_iter().filter_map(|c| c.transport).flat_map(|t| t.candidates).take(room).collect();
    session.candidates += candidates.len();
    let accepted = session.stage == Stage::Accepted;
    match candidates.is_empty() || !accepted {
        true => (Ok(()), After::Nothing),
        false => (Ok(()), After::Candidates(candidates)),
    }
}

fn on_restart(now: Instant, participant: &mut Participant, ended: bool) -> Verdict {
    if participant.allowance.restarts.earliest(now) > now {
        return refuse(Condition::ResourceConstraint);
    }
    participant.allowance.restarts.record(now);
    (Ok(()), After::Restart { ended })
}

fn on_info(now: Instant, participant: &mut Participant, jingle: &Jingle) -> Verdict {
    let named = jingle.bridge_session.as_ref();
    if named.is_some_and(|b| b.ice_restart) {
        let verdict = ice_restart::judge(now, participant, named.and_then(|b| b.id.as_deref()));
        return match verdict {
            Ok(()) => (Ok(()), After::IceRestart),
            Err(error) => (Err(error), After::Nothing),
        };
    }
    let Some(state) = jingle.ice_state.as_deref() else {
        return (Ok(()), After::Nothing);
    };
    let current: Option<&str> = participant.session.as_ref().map(|s: &Session| s.bridge_session.as_str());
    if named.and_then(|b| b.id.as_deref()) != current {
        return refuse(Condition::ItemNotFound);
    }
    match state {
        "failed" => on_restart(now, participant, false),
        _ => (Ok(()), After::Nothing),
    }
}

fn refuse(condition: Condition) -> Verdict {
    (Err(StanzaError::new(condition)), After::Nothing)
}

fn unknown_session() -> Verdict {
    let extra = Element::in_ns("unknown-session", ns::JINGLE_ERRORS);
    let error = StanzaError::new(Condition::ItemNotFound).with_extra(extra);
    (Err(error), After::Nothing)
}

fn out_of_order() -> Verdict {
    let extra = Element::in_ns("out-of-order", ns::JINGLE_ERRORS);
    let error = StanzaError::new(Condition::UnexpectedRequest).with_extra(extra);
    (Err(error), After::Nothing)
}

fn source_error(error: &SourceError) -> StanzaError {
    let refusal = match error {
        SourceError::TooManyStreams | SourceError::TooManyGroups => {
            StanzaError::of(ErrorType::Wait, Condition::ResourceConstraint)
        }
        _ => StanzaError::new(Condition::BadRequest),
    };
    refusal.with_text(error.to_string())
}
