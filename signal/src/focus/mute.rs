//! Muting: what a moderator told somebody to mute, and AV moderation, which says who may send at all. Clients are told, and
//! the bridge drops what they send nevertheless.

use std::collections::BTreeSet;

use jitsi_wire::colibri2::{ConferenceModify, EndpointModify, ForceMute};
use jitsi_wire::xmpp::{Condition, Element, Jid, StanzaError, ns, stanza};
use serde_json::Value;

use super::OccupantKind;
use super::conference::Conference;
use super::desk::Desk;
use super::invite::endpoint;
use super::participant::{Participant, Stage};

/// Entries of a `SourceInfo` that are looked at; a participant has few sources.
const MAX_SOURCE_INFO: usize = 64;

/// What can be muted: microphones, cameras, screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaType {
    Audio,
    Video,
    Desktop,
}

impl MediaType {
    pub const ALL: [MediaType; 3] = [MediaType::Audio, MediaType::Video, MediaType::Desktop];

    /// As `mediaType` of AV moderation spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            MediaType::Audio => "audio",
            MediaType::Video => "video",
            MediaType::Desktop => "desktop",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|media| media.as_str() == text)
    }

    /// Of its `mute`.
    fn namespace(self) -> &'static str {
        match self {
            MediaType::Audio => ns::JITMEET_AUDIO,
            MediaType::Video => ns::JITMEET_VIDEO,
            MediaType::Desktop => ns::JITMEET_DESKTOP,
        }
    }
}

/// One value for each [`MediaType`].
#[derive(Debug, Default)]
pub(super) struct PerMedia<T> {
    audio: T,
    video: T,
    desktop: T,
}

impl<T> PerMedia<T> {
    fn get(&self, media: MediaType) -> &T {
        match media {
            MediaType::Audio => &self.audio,
            MediaType::Video => &self.video,
            MediaType::Desktop => &self.desktop,
        }
    }

    fn get_mut(&mut self, media: MediaType) -> &mut T {
        match media {
            MediaType::Audio => &mut self.audio,
            MediaType::Video => &mut self.video,
            MediaType::Desktop => &mut self.desktop,
        }
    }
}

/// Who may send what is moderated; `None`: everybody.
pub(super) type Moderation = PerMedia<Option<BTreeSet<String>>>;

/// What moderators told one participant to mute.
pub(super) type Orders = PerMedia<Ordered>;

/// An order to mute holds until its receiver unmutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Ordered {
    #[default]
    No,
    /// Its presence may still say otherwise.
    Given,
    /// Its presence said that it is muted.
    Obeyed,
}

/// `mute` in an IQ, of whichever namespace.
pub(super) fn find_mute(iq: &Element) -> Option<(MediaType, &Element)> {
    MediaType::ALL.into_iter().find_map(|media| Some((media, iq.child_in("mute", media.namespace())?)))
}

/// What the bridge has to drop of a participant.
pub(super) fn force_mute(moderation: &Moderation, nick: &str, participant: &Participant) -> ForceMute {
    let muted = |media| {
        participant.can_be_muted()
            && (*participant.mute_orders.get(media) != Ordered::No
                || is_forbidden(moderation, nick, participant, media))
    };
    ForceMute { audio: muted(MediaType::Audio), video: muted(MediaType::Video), desktop: muted(MediaType::Desktop) }
}

fn is_forbidden(moderation: &Moderation, nick: &str, participant: &Participant, media: MediaType) -> bool {
    let allowed = moderation.get(media).as_ref();
    !participant.is_owner() && allowed.is_some_and(|allowed| !allowed.contains(nick))
}

fn is_muted(mute: ForceMute, media: MediaType) -> bool {
    match media {
        MediaType::Audio => mute.audio,
        MediaType::Video => mute.video,
        MediaType::Desktop => mute.desktop,
    }
}

impl Participant {
    /// Recorders are not muted, and of the gateways only those that say that they can be.
    fn can_be_muted(&self) -> bool {
        match self.kind {
            OccupantKind::Regular => true,
            OccupantKind::Gateway => self.features().is_some_and(|f| f.audio_mute),
            OccupantKind::Recorder | OccupantKind::Transcriber => false,
        }
    }
}

impl Conference {
    /// AV moderation was switched, or its list changed.
    pub(super) fn on_av_moderation(&mut self, desk: &mut Desk, media: MediaType, enabled: bool, allowed: &[String]) {
        let allowed = allowed.iter().take(desk.config.max_participants).cloned().collect();
        *self.moderation.get_mut(media) = enabled.then_some(allowed);
        self.enforce_mutes(desk);
    }

    /// Tells the bridge what to drop from now on, and those who are silenced by it.
    pub(super) fn enforce_mutes(&mut self, desk: &mut Desk) {
        let mut changes = Vec::new();
        let mut silenced = Vec::new();
        for (nick, participant) in &mut self.participants {
            let wanted = force_mute(&self.moderation, nick, participant);
            let Some(session) = participant.session.as_mut().filter(|s| s.force_mute != wanted) else {
                continue;
            };
            let before = std::mem::replace(&mut session.force_mute, wanted);
            changes.push(EndpointModify { force_mute: Some(wanted), ..endpoint(nick) });
            let newly =
                MediaType::ALL.into_iter().filter(|media| is_muted(wanted, *media) && !is_muted(before, *media));
            // Who has not accepted is told then; who was ordered knows.
            let newly = newly.filter(|media| *participant.mute_orders.get(*media) == Ordered::No);
            if session.stage == Stage::Accepted {
                silenced.extend(newly.map(|media| (nick.clone(), media)));
            }
        }
        if !changes.is_empty() {
            let meeting_id = self.meeting_id.clone();
            let request = ConferenceModify { meeting_id, endpoints: changes, ..ConferenceModify::default() };
            desk.send_order(false, request);
        }
        for (nick, media) in silenced {
            self.order_mute(desk, None, &nick, media);
        }
    }

    /// Somebody who begins a session learns that nobody would hear or see it.
    pub(super) fn tell_muted(&self, desk: &mut Desk, nick: &str) {
        let Some(session) = self.participants.get(nick).and_then(|p| p.session.as_ref()) else {
            return;
        };
        for media in MediaType::ALL {
            if is_muted(session.force_mute, media) {
                self.order_mute(desk, None, nick, media);
            }
        }
    }

    /// `mute` of an occupant: for itself it is an announcement, for another an order.
    pub(super) fn on_mute(&mut self, desk: &mut Desk, nick: &str, iq: &Element, media: MediaType, mute: &Element) {
        match self.judge_mute(desk, nick, media, mute) {
            Err(condition) => {
                let error = stanza::iq_error(iq, &StanzaError::new(condition));
                return desk.send(&self.room, nick, error);
            }
            Ok(Wish::Mute(victim)) => {
                desk.send(&self.room, nick, stanza::iq_result(iq));
                if let Some(participant) = self.participants.get_mut(&victim) {
                    *participant.mute_orders.get_mut(media) = Ordered::Given;
                }
                self.order_mute(desk, Some(nick), &victim, media);
            }
            Ok(Wish::Unmute) => {
                desk.send(&self.room, nick, stanza::iq_result(iq));
                self.lift_order(nick, media);
            }
            Ok(Wish::Nothing) => desk.send(&self.room, nick, stanza::iq_result(iq)),
        }
        self.enforce_mutes(desk);
    }

    fn judge_mute(&self, desk: &Desk, nick: &str, media: MediaType, mute: &Element) -> Result<Wish, Condition> {
        let muted = match mute.text().trim() {
            "true" => true,
            "false" => false,
            _ => return Err(Condition::BadRequest),
        };
        let asker = self.participants.get(nick).ok_or(Condition::NotAllowed)?;
        // Old clients leave out their own address.
        let target = match mute.attr("jid") {
            Some(jid) => self.occupant_of(desk, jid)?,
            None => nick.to_owned(),
        };
        if target == nick {
            return match muted {
                true => Ok(Wish::Nothing),
                false if is_forbidden(&self.moderation, nick, asker, media) => Err(Condition::NotAllowed),
                false => Ok(Wish::Unmute),
            };
        }
        if !asker.is_owner() || !muted {
            return Err(Condition::NotAllowed);
        }
        let victim = self.participants.get(&target).ok_or(Condition::ItemNotFound)?;
        victim.can_be_muted().then_some(Wish::Mute(target)).ok_or(Condition::NotAllowed)
    }

    /// Nick in an occupant JID of this room.
    fn occupant_of(&self, desk: &Desk, jid: &str) -> Result<String, Condition> {
        let jid: Jid = jid.parse().map_err(|_| Condition::JidMalformed)?;
        let room: Jid = self.jid(desk).parse().map_err(|_| Condition::InternalServerError)?;
        let is_here = jid.same_bare(&room);
        jid.resource.filter(|_| is_here).ok_or(Condition::ItemNotFound)
    }

    /// Tells somebody to mute. Its client never answers.
    fn order_mute(&self, desk: &mut Desk, actor: Option<&str>, victim: &str, media: MediaType) {
        let room = self.jid(desk);
        let order = Element::in_ns("mute", media.namespace())
            .with_attr_opt("actor", actor.map(|nick| format!("{room}/{nick}")))
            .with_attr("jid", format!("{room}/{victim}"))
            .with_text("true");
        desk.ask(&self.room, victim, "set", order);
    }

    fn lift_order(&mut self, nick: &str, media: MediaType) {
        if let Some(participant) = self.participants.get_mut(nick) {
            *participant.mute_orders.get_mut(media) = Ordered::No;
        }
    }

    /// A client that says in its presence that it is muted, and later that it is not, has unmuted: not every client announces
    /// that to the focus.
    pub(super) fn read_mutes(&mut self, desk: &mut Desk, nick: &str, presence: &Element) {
        let Some(participant) = self.participants.get_mut(nick) else {
            return;
        };
        let mut lifted = false;
        for media in MediaType::ALL {
            let ordered = participant.mute_orders.get_mut(media);
            if *ordered == Ordered::No {
                continue;
            }
            match says_muted(presence, media) {
                Some(true) => *ordered = Ordered::Obeyed,
                Some(false) if *ordered == Ordered::Obeyed => {
                    *ordered = Ordered::No;
                    lifted = true;
                }
                _ => {}
            }
        }
        if lifted {
            self.enforce_mutes(desk);
        }
    }
}

enum Wish {
    /// Another.
    Mute(String),
    /// Oneself.
    Unmute,
    Nothing,
}

/// What a presence says of one kind of media: `SourceInfo`, or the elements that came before it.
fn says_muted(presence: &Element, media: MediaType) -> Option<bool> {
    let info: Option<Value> = presence.child_text("SourceInfo").and_then(|text| serde_json::from_str(&text).ok());
    if let Some(Value::Object(sources)) = info {
        let mut of_media =
            sources.iter().take(MAX_SOURCE_INFO).filter(|(name, source)| media_of(name, source) == Some(media));
        return Some(of_media.all(|(_, source)| source.get("muted") == Some(&Value::Bool(true))));
    }
    let name = match media {
        MediaType::Audio => "audiomuted",
        MediaType::Video => "videomuted",
        MediaType::Desktop => return None,
    };
    Some(presence.child_text(name)? == "true")
}

/// The kind of an entry of `SourceInfo`, by its name (`ENDPOINT-a0`, `ENDPOINT-v1`) and type.
fn media_of(name: &str, source: &Value) -> Option<MediaType> {
    let (_, track) = name.rsplit_once('-')?;
    let is_desktop = source.get("videoType").and_then(Value::as_str) == Some("desktop");
    match track.as_bytes().first()? {
        b'a' => Some(MediaType::Audio),
        b'v' if is_desktop => Some(MediaType::Desktop),
        b'v' => Some(MediaType::Video),
        _ => None,
    }
}
