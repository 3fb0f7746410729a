//! Which video codec a meeting uses: the configured order, and the hardware-friendly meeting, in which everybody sends H.264
//! until somebody comes who cannot decode it. Then everybody sends VP8, and the focus says in its presence why.

use std::time::{Duration, Instant};

use jitsi_wire::jingle::{Content, MediaKind};
use jitsi_wire::xmpp::Element;

use super::conference::Conference;
use super::desk::Desk;
use super::{FocusConfig, VideoCodec};

/// Whoever leaves may be loading the page anew: encoders are not switched to and fro for that.
const HOLD: Duration = Duration::from_secs(30);
/// Participants that are named as the reason.
const MAX_NAMED: usize = 10;
/// Codecs read of a list; there are five.
const MAX_LISTED: usize = 16;

/// State of a hardware-friendly meeting; of no meaning in others.
#[derive(Debug, Default)]
pub(super) struct CodecPolicy {
    fallen_back: bool,
    /// Nicks of those who cannot decode H.264, eldest first.
    because_of: Vec<String>,
    /// When H.264 is used again.
    returns: Option<Instant>,
}

/// What is known of a client's ability to decode H.264.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Decodes {
    listed: Option<bool>,
    /// By the payload types of its session-accept.
    pub(super) answer: Option<bool>,
}

impl Decodes {
    /// What a presence says: the codecs that the client decodes, or (library of 2022) the one that it wants.
    pub(super) fn of(presence: &Element) -> Self {
        let list = presence.child_text("jitsi_participant_codecList");
        let list = list.or_else(|| presence.child_text("jitsi_participant_codecType")).filter(|list| !list.is_empty());
        let is_h264 = |codec: &str| codec.trim().eq_ignore_ascii_case("h264");
        let listed = list.map(|list| list.split(',').take(MAX_LISTED).any(is_h264));
        Decodes { listed, answer: None }
    }

    /// Unless it is known better, everybody can.
    fn h264(self) -> bool {
        self.listed != Some(false) && self.answer != Some(false)
    }
}

/// What a session-accept says; nothing when it has no video.
pub(super) fn decodes_by_answer(contents: &[Content]) -> Option<bool> {
    let video = contents.iter().find(|content| content.kind() == Some(MediaKind::Video))?;
    let payloads = &video.description.as_ref()?.payload_types;
    (!payloads.is_empty()).then(|| payloads.iter().any(|payload| payload.name.eq_ignore_ascii_case("h264")))
}

impl CodecPolicy {
    /// Codecs as offered, most wanted first: those clients that know no policy send the first.
    pub(super) fn order(&self, config: &FocusConfig) -> Vec<VideoCodec> {
        let mut order = config.codecs.clone();
        if self.fallen_back {
            // H.264 stays at hand for the time after.
            order.sort_by_key(|codec| *codec == VideoCodec::H264);
        }
        order
    }

    /// For the presence of the focus.
    pub(super) fn properties(&self, config: &FocusConfig) -> impl Iterator<Item = (&'static str, String)> {
        let policy = config.hardware_friendly.then(|| ("codec-policy", "hardware-friendly".to_owned()));
        let fallback = self.fallen_back.then(|| ("codec-fallback", "vp8".to_owned()));
        let reason = (!self.because_of.is_empty()).then(|| ("codec-fallback-for", self.because_of.join(",")));
        policy.into_iter().chain(fallback).chain(reason)
    }

    pub(super) fn next_wakeup(&self) -> Option<Instant> {
        self.returns
    }

    /// Takes who cannot decode H.264 now. True if what the room says changed.
    fn update(&mut self, now: Instant, because_of: Vec<String>) -> bool {
        let before = self.fallen_back;
        if !because_of.is_empty() {
            self.fallen_back = true;
            self.returns = None;
        } else if self.fallen_back {
            let returns = *self.returns.get_or_insert(now + HOLD);
            if returns <= now {
                self.fallen_back = false;
                self.returns = None;
            }
        }
        let changed = self.fallen_back != before || self.because_of != because_of;
        self.because_of = because_of;
        changed
    }
}

impl Conference {
    /// A later presence: clients find out late what they can do, and change their mind.
    pub(super) fn read_codecs(&mut self, now: Instant, desk: &mut Desk, nick: &str, presence: &Element) {
        let Some(participant) = self.participants.get_mut(nick) else {
            return;
        };
        let listed = Decodes::of(presence).listed;
        if listed.is_some() && std::mem::replace(&mut participant.decodes.listed, listed) != listed {
            self.review_codecs(now, desk);
        }
    }

    /// Decides anew which codec the meeting uses, and publishes it.
    pub(super) fn review_codecs(&mut self, now: Instant, desk: &mut Desk) {
        if !desk.config.hardware_friendly {
            return;
        }
        let unable = self.participants.iter().filter(|(_, p)| !p.decodes.h264());
        let mut unable: Vec<(u64, &String)> = unable.map(|(nick, p)| (p.ordinal, nick)).collect();
        unable.sort();
        let because_of = unable.into_iter().take(MAX_NAMED).map(|(_, nick)| nick.clone()).collect();
        if self.codecs.update(now, because_of) {
            self.publish(desk);
        }
    }
}
