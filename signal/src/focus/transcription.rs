//! Somebody outside the meeting gets its audio, to write down or to keep: a transcriber or a multitrack recorder. A moderator asks for it
//! by the room's metadata, the bridge exports it (`connects` of colibri2); all of it as Jicofo does. Nobody gets an encrypted meeting: what was
//! asked for waits until it is in the clear again.

use std::time::Instant;

use jitsi_wire::colibri2::{ConferenceModify, Connect, ConnectKind, ConnectPing, ConnectProtocol, HttpHeader};

use super::conference::Conference;
use super::desk::Desk;
use super::encryption::ENCRYPTED;

/// Jicofo's name of the one `connect` for it.
const CONNECT_ID: &str = "transcriber";
/// Jicofo's defaults.
const PING: ConnectPing = ConnectPing { interval: 10_000, timeout: 3000 };
const MEETING_ID: &str = "{{MEETING_ID}}";
/// Of the bridge; there is but one here, in no region.
const REGION: &str = "{{REGION}}";

/// Where the audio of meetings goes when it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcriber {
    /// URL of a WebSocket, with `{{MEETING_ID}}` and `{{REGION}}` in it.
    pub url_template: String,
    pub http_headers: Vec<HttpHeader>,
}

impl Transcriber {
    fn connect(&self, meeting_id: &str) -> Connect {
        Connect {
            id: CONNECT_ID.to_owned(),
            url: self.url_template.replace(MEETING_ID, meeting_id).replace(REGION, ""),
            protocol: ConnectProtocol::MediaJson,
            kind: ConnectKind::Transcriber,
            audio: true,
            video: false,
            create: false,
            expire: false,
            http_headers: self.http_headers.clone(),
            ping: Some(PING),
        }
    }
}

/// How it stands in one meeting.
#[derive(Debug, Default)]
pub(super) struct Transcription {
    /// As it was asked for last, if it ever was.
    wanted: Option<bool>,
    /// Whoever listened would hear nothing but noise.
    encrypted: bool,
    /// The bridge was told.
    exported: bool,
}

impl Transcription {
    /// Value of `audio-recording-enabled`.
    pub(super) fn property(&self) -> Option<&'static str> {
        self.wanted.map(|_| if self.runs() { "true" } else { "false" })
    }

    /// Somebody listens: a meeting of one is one as well.
    pub(super) fn runs(&self) -> bool {
        self.wanted == Some(true) && !self.encrypted
    }
}

impl Conference {
    /// The moderators ask for it, or no longer.
    pub(super) fn on_transcribing(&mut self, now: Instant, desk: &mut Desk, wanted: bool) {
        if desk.config.transcriber.is_none() || (self.transcription.wanted == Some(true)) == wanted {
            return;
        }
        self.transcription.wanted = Some(wanted);
        self.on_export_changed(now, desk);
    }

    /// Somebody may have switched encryption on or off, have come or be gone.
    pub(super) fn review_export(&mut self, now: Instant, desk: &mut Desk) {
        let encrypted = self.is_encrypted();
        let changed = std::mem::replace(&mut self.transcription.encrypted, encrypted) != encrypted;
        if changed && self.transcription.wanted == Some(true) {
            self.on_export_changed(now, desk);
        }
    }

    fn on_export_changed(&mut self, now: Instant, desk: &mut Desk) {
        if self.transcription.wanted == Some(true) && self.transcription.encrypted {
            tracing::warn!(room = %self.room, reason = ENCRYPTED, "the sound of this meeting goes to no transcriber");
        }
        self.publish(desk);
        self.change_export(desk);
        self.review(now, desk);
    }

    /// What stands in the order that makes the conference at the bridge.
    pub(super) fn first_connects(&mut self, desk: &Desk) -> Vec<Connect> {
        self.transcription.exported = self.transcription.runs();
        let transcriber = desk.config.transcriber.as_ref().filter(|_| self.transcription.exported);
        transcriber.map(|to| Connect { create: true, ..to.connect(&self.meeting_id) }).into_iter().collect()
    }

    fn change_export(&mut self, desk: &mut Desk) {
        let wanted = self.transcription.runs();
        let Some(transcriber) = desk.config.transcriber.as_ref().filter(|_| self.at_bridge) else {
            return;
        };
        if std::mem::replace(&mut self.transcription.exported, wanted) != wanted {
            let connect = Connect { create: wanted, expire: !wanted, ..transcriber.connect(&self.meeting_id) };
            let request = ConferenceModify {
                meeting_id: self.meeting_id.clone(),
                connects: vec![connect],
                ..ConferenceModify::default()
            };
            desk.send_order(false, request);
        }
    }
}
