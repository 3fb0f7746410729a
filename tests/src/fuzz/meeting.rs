//! Whatever participants with keys send and say, the bridge goes on.

use super::{IDENTITY, Nowhere, datagrams};
use crate::world::{MEETING, create_endpoint, media};
use bridge::control::{Command, Reply};
use bridge::core::srtp::{Keys, Outbound, Profile};
use bridge::core::{Bridge, BridgeConfig, ChannelId, Event, Path};
use jitsi_wire::colibri2::{ConferenceModify, EndpointModify, MediaDescription, MediaSource};
use jitsi_wire::jingle::{MediaKind, PayloadType, RtpHeaderExtension, Semantics, SsrcGroup};
use std::time::{Duration, Instant};

const PEOPLE: u32 = 3;
const ENCODINGS: u32 = 3;
const DEPENDENCY_DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

struct Meeting {
    bridge: Bridge,
    now: Instant,
    orders: u64,
    people: Vec<Outbound>,
}

/// Datagrams whose first byte says who does what: media, feedback, words, or nothing for a while. The second chooses a stream.
pub(super) fn meeting(data: &[u8]) {
    assert_eq!(held(data).bridge.stats().conferences, 1);
}

fn held(data: &[u8]) -> Meeting {
    let mut meeting = Meeting::open();
    for datagram in datagrams(data) {
        let Some((&[what, which], rest)) = datagram.split_first_chunk() else { continue };
        let who = usize::from(what >> 2) % meeting.people.len();
        match what % 4 {
            0 => meeting.send(who, which, rest, false),
            1 => meeting.send(who, which, rest, true),
            2 => {
                let channel = ChannelId(u64::try_from(who).unwrap_or_default());
                let text = String::from_utf8_lossy(rest);
                meeting.bridge.on_channel_text(meeting.now, channel, &text, &mut Nowhere([0; 2048]));
            }
            _ => {
                meeting.now += Duration::from_millis(10 * u64::from(which));
                meeting.bridge.on_wakeup(meeting.now, &mut Nowhere([0; 2048]));
            }
        }
        while meeting.bridge.poll_event().is_some() {}
    }
    meeting
}

impl Meeting {
    fn open() -> Self {
        let now = Instant::now();
        let bridge = Bridge::new(BridgeConfig::default(), IDENTITY.clone(), [1; 32], now);
        let mut meeting = Self { bridge, now, orders: 0, people: Vec::new() };
        for number in 0..PEOPLE {
            meeting.join(number);
        }
        meeting
    }

    fn join(&mut self, number: u32) {
        let id = format!("{number:08x}");
        let created = EndpointModify { media: media_of_all_codecs(), ..create_endpoint(&id) };
        let url = self.order(number == 0, created);
        self.order(
            false,
            EndpointModify { id: id.clone(), sources: Some(sources(number)), ..EndpointModify::default() },
        );
        let profile = Profile::AeadAes128Gcm;
        let block = vec![7; profile.exporter_len()];
        let keys = |client| Keys::from_exporter(profile, &block, client).expect("keys");
        let sink = &mut Nowhere([0; 2048]);
        assert!(self.bridge.install_keys(self.now, MEETING, &id, &keys(false), path(number), sink), "keys");
        let own = keys(true);
        self.people.push(Outbound::new(own.profile, &own.local));
        let url = url.expect("a channel");
        let (address, pwd) = url.split_once("?pwd=").expect("a password");
        let conference = address.rsplit('/').nth(1).expect("a conference");
        let channel = ChannelId(number.into());
        self.bridge.open_channel(self.now, conference, &id, pwd, channel, sink).expect("the channel opens");
    }

    /// Carries out an order. Answers where the endpoint's channel is, if that was asked.
    fn order(&mut self, create: bool, endpoint: EndpointModify) -> Option<String> {
        self.orders += 1;
        let endpoints = vec![endpoint];
        let request = ConferenceModify { meeting_id: MEETING.into(), create, endpoints, ..ConferenceModify::default() };
        let command = Command { id: self.orders, request, client_is_local: false };
        self.bridge.apply(self.now, command, &mut Nowhere([0; 2048]));
        let mut url = None;
        while let Some(event) = self.bridge.poll_event() {
            if let Event::Reply(Reply::Done { answer, .. }) = event {
                let transport = answer.endpoints.into_iter().find_map(|endpoint| endpoint.transport);
                url = transport.and_then(|transport| transport.web_socket).or(url);
            }
        }
        url
    }

    /// Under the keys of a participant, and with the SSRC of one of its streams.
    fn send(&mut self, who: usize, which: u8, plain: &[u8], rtcp: bool) {
        let mut packet = plain.to_vec();
        let number = u32::try_from(who).unwrap_or_default();
        let at = if rtcp { 4 } else { 8 };
        if let Some(place) = packet.get_mut(at..at + 4) {
            place.copy_from_slice(&ssrc(number, u32::from(which) % (1 + 2 * ENCODINGS)).to_be_bytes());
        }
        let len = packet.len();
        packet.resize(len + 64, 0);
        let Some(keys) = self.people.get_mut(who) else { return };
        let sealed = if rtcp { keys.protect_rtcp(&mut packet, len) } else { keys.protect_rtp(&mut packet, len) };
        if let Some(datagram) = sealed.ok().and_then(|len| packet.get_mut(..len)) {
            self.bridge.on_datagram(self.now, path(number), datagram, &mut Nowhere([0; 2048]));
        }
    }
}

fn path(number: u32) -> Path {
    let port = 4000 + u16::try_from(number).unwrap_or_default();
    Path { local: [192, 0, 2, 1].into(), remote: ([203, 0, 113, 7], port).into() }
}

/// Speech, then each encoding and its retransmissions.
fn ssrc(number: u32, stream: u32) -> u32 {
    1000 * (number + 1) + stream
}

fn sources(number: u32) -> Vec<MediaSource> {
    let media = |encoding| ssrc(number, 1 + 2 * encoding);
    let mut groups: Vec<SsrcGroup> =
        (0..ENCODINGS).map(|e| SsrcGroup { semantics: Semantics::Fid, ssrcs: vec![media(e), media(e) + 1] }).collect();
    groups.push(SsrcGroup { semantics: Semantics::Sim, ssrcs: (0..ENCODINGS).map(media).collect() });
    let source = |kind, name: &str, ssrcs, groups| MediaSource {
        id: format!("{number:08x}-{name}"),
        kind,
        ssrcs,
        groups,
        desktop: false,
        synthetic: false,
    };
    vec![
        source(MediaKind::Audio, "a0", vec![ssrc(number, 0)], Vec::new()),
        source(MediaKind::Video, "v0", (1..=2 * ENCODINGS).map(|stream| ssrc(number, stream)).collect(), groups),
    ]
}

fn media_of_all_codecs() -> Vec<MediaDescription> {
    let mut all = media();
    for description in &mut all {
        let mut add = |id, name: &str| {
            let like = description.payload_types.first().cloned().expect("a payload type");
            description.payload_types.push(PayloadType { id, name: name.into(), ..like });
        };
        if description.kind == MediaKind::Audio {
            add(112, "red");
            continue;
        }
        add(101, "VP9");
        add(107, "H264");
        add(41, "AV1");
        description.header_extensions.push(RtpHeaderExtension { id: 11, uri: DEPENDENCY_DESCRIPTOR.into() });
    }
    all
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_sent_reaches_the_others() {
        let stats = super::held(include_bytes!("../../corpus/meeting/vp8-simulcast")).bridge.stats();
        assert!(stats.forwarded >= 16, "{stats:?}");
        let stats = super::held(include_bytes!("../../corpus/meeting/other-codecs")).bridge.stats();
        assert!(stats.forwarded >= 5, "{stats:?}");
    }
}
