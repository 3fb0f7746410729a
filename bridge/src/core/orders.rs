//! Carries out the orders of a focus.

use std::net::IpAddr;
use std::time::Instant;

use jitsi_wire::colibri2::{
    ConferenceModified, ConferenceModify, EndpointModified, EndpointModify, MediaSource, Refusal,
};
use jitsi_wire::jingle::{Candidate, Fingerprint, IceUdpTransport, MediaKind, Setup};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::conference::{Conference, Making};
use super::connects::Connects;
use super::demux::Handle;
use super::egress::leg::Leg;
use super::egress::slots::Slots;
use super::endpoint::Endpoint;
use super::endpoint::agents::RestartState;
use super::endpoint::transport::{LocalParams, Options, Transport};
use super::grid::Grid;
use super::{Bridge, CandidateKind, LocalCandidate, Sink};
use crate::control::{SCTP_PORT, check, is_batchable};

const UFRAG: usize = 12;
/// RFC 8445 5.3 asks for 22.
const PWD: usize = 24;
/// Clients redial with this password for as long as they are in the conference.
const CHANNEL_PASSWORD: usize = 24;
const CONFERENCE_ID: usize = 16;

/// What stands for an address that is not told (RFC 8839 5.1).
const HIDDEN_ADDRESS: &str = "0.0.0.0";
const HIDDEN_PORT: u16 = 9;
/// RFC 8445 5.1.2.2.
const HOST_PREFERENCE: u32 = 126;
const SRFLX_PREFERENCE: u32 = 100;

/// Speech comes on top of what one receiver may be sent of video, in bits per second.
pub(super) const SPEECH: u64 = 300_000;

impl Bridge {
    /// Checks an order and carries it out.
    pub(super) fn carry_out(
        &mut self,
        now: Instant,
        request: &ConferenceModify,
        client_is_local: bool,
        sink: &mut dyn Sink,
    ) -> Result<ConferenceModified, Refusal> {
        check(request)?;
        let known = self.conferences.iter().flatten().find(|conference| conference.meeting_id == request.meeting_id);
        let known = known.map(Conference::place);
        if request.expire {
            self.end_conference(now, known.ok_or(Refusal::ConferenceNotFound)?, sink);
            return Ok(ConferenceModified::default());
        }
        let place = match (known, request.create) {
            (Some(_), true) => return Err(Refusal::ConferenceAlreadyExists),
            (Some(place), false) => Some(place),
            (None, true) if self.shutting_down || self.draining => return Err(Refusal::GracefulShutdown),
            (None, true) => None,
            (None, false) => return Err(Refusal::ConferenceNotFound),
        };
        self.check_against_state(place, request)?;
        let place = place.unwrap_or_else(|| self.create_conference(now, request));
        self.modify_connects(place, &request.connects);
        let mut answer = ConferenceModified::default();
        for endpoint in &request.endpoints {
            answer.endpoints.extend(self.modify_endpoint(now, place, endpoint, client_is_local, sink));
        }
        if request.create || request.endpoints.iter().any(|endpoint| endpoint.create) {
            answer.sources = self.feedback_sources(place);
        }
        self.finish(now, place, request, sink);
        Ok(answer)
    }

    /// Everything that can still be refused, before anything is changed.
    fn check_against_state(&self, place: Option<usize>, request: &ConferenceModify) -> Result<(), Refusal> {
        let conference = place.and_then(|place| self.conferences.get(place)?.as_ref());
        match conference {
            Some(conference) => conference.connects.check(&request.connects)?,
            None => Connects::default().check(&request.connects)?,
        }
        for endpoint in &request.endpoints {
            let exists = conference.is_some_and(|conference| conference.find(&endpoint.id).is_some());
            if endpoint.create && exists {
                return Err(Refusal::EndpointExists(endpoint.id.clone()));
            }
            if endpoint.create && self.participants() + self.elsewhere >= self.config.max_participants {
                return Err(Refusal::Full(self.config.max_participants));
            }
            if !endpoint.create && !exists && !is_batchable(endpoint) {
                return Err(Refusal::UnknownEndpoint(endpoint.id.clone()));
            }
            let known = conference.and_then(|conference| conference.get(conference.find(&endpoint.id)?));
            let is_visitor = endpoint.visitor || known.is_some_and(|known| known.visitor);
            if is_visitor && endpoint.sources.as_ref().is_some_and(|sources| !sources.is_empty()) {
                return Err(Refusal::BadRequest("a visitor with sources"));
            }
        }
        Ok(())
    }

    fn grid(&self) -> Grid {
        Grid::new(self.epoch)
    }

    fn create_conference(&mut self, now: Instant, request: &ConferenceModify) -> usize {
        let place = self.conferences.iter().position(Option::is_none).unwrap_or(self.conferences.len());
        let making = Making {
            meeting_id: request.meeting_id.clone(),
            id: tagged(self.config.tag, &mut self.rng, CONFERENCE_ID),
            place,
            grid: self.grid(),
            rng: ChaCha8Rng::from_rng(&mut self.rng),
            max_egress_bps: self.config.max_egress_bps,
            assumed_bandwidth_limit: self.config.assumed_bandwidth_limit,
            loudest: self.config.loudest,
            loudest_above: self.config.loudest_above,
            version: self.config.version.clone(),
        };
        let conference = Some(Conference::new(now, making));
        self.counters.totals.conferences_created += 1;
        match self.conferences.get_mut(place) {
            Some(slot) => *slot = conference,
            None => self.conferences.push(conference),
        }
        place
    }

    fn modify_endpoint(
        &mut self,
        now: Instant,
        place: usize,
        request: &EndpointModify,
        client_is_local: bool,
        sink: &mut dyn Sink,
    ) -> Option<EndpointModified> {
        let mut answer = EndpointModified { id: request.id.clone(), expire: request.expire, ..Default::default() };
        if request.create {
            let (transport, sctp_port) = self.create_endpoint(now, place, request, client_is_local)?;
            answer.transport = Some(transport);
            answer.sctp_port = sctp_port;
        } else if request.transport.as_ref().is_some_and(|transport| transport.ice_restart) {
            answer.transport = self.restart_ice(now, place, &request.id, client_is_local);
        }
        let (mut turn, conference) = self.enter_conference(now, place, sink)?;
        let index = conference.find(&request.id)?;
        if request.expire {
            conference.remove(&mut turn, index);
            return Some(answer);
        }
        let endpoint = conference.get_mut(index)?;
        if let Some(ice) = request.transport.as_ref().and_then(|transport| transport.ice.as_ref()) {
            endpoint.transport.set_remote(now, ice);
        }
        if !request.media.is_empty() {
            endpoint.describe(&request.media);
        }
        if let Some(last_n) = request.initial_last_n {
            endpoint.settings.set_initial_last_n(last_n);
        }
        if let Some(mute) = request.force_mute {
            endpoint.mute = mute;
        }
        if let Some(sources) = &request.sources {
            conference.set_sources(index, sources);
        }
        conference.on_described();
        conference.drain(&mut turn, index);
        Some(answer)
    }

    fn create_endpoint(
        &mut self,
        now: Instant,
        place: usize,
        request: &EndpointModify,
        client_is_local: bool,
    ) -> Option<(IceUdpTransport, Option<u16>)> {
        let params = self.new_credentials();
        let password = random_text(&mut self.rng, CHANNEL_PASSWORD);
        let sctp = request.transport.as_ref().is_some_and(|transport| transport.sctp.is_some());
        let conference = self.conferences.get(place)?.as_ref()?;
        self.generation += 1;
        let handle = Handle { conference: place, endpoint: conference.next_place(), generation: self.generation };
        let shows_private = self.config.private_addresses || request.capabilities.private_address_connectivity;
        let offered = self.offered(client_is_local, shows_private);
        let answer = IceUdpTransport {
            web_socket: (!sctp).then(|| self.channel_url(&conference.id, &request.id, &password)),
            ..self.describe(&params, &offered, shows_private)
        };
        let options = Options { profiles: self.config.srtp_profiles.clone(), sctp, grid: self.grid() };
        let rng = ChaCha8Rng::from_rng(&mut self.rng);
        self.demux.insert_ufrag(params.ufrag.clone(), handle);
        let mut transport = Transport::new(now, &self.identity, params, rng, options);
        transport.set_local_addresses(&host_addresses(&offered));
        self.counters.totals.endpoints_created += 1;
        let mut endpoint = Endpoint::new(
            now,
            handle,
            &request.id,
            transport,
            Leg::new(now, self.epoch, self.config.max_egress_bps.saturating_add(SPEECH)),
            password,
            self.config.history_bytes,
        );
        let can = request.capabilities;
        endpoint.private_addresses = shows_private;
        endpoint.visitor = request.visitor;
        endpoint.slots = can.ssrc_rewriting.then(|| Slots::new(can.rtp_mid_demux));
        self.conferences.get_mut(place)?.as_mut()?.insert(now, endpoint);
        Some((answer, sctp.then_some(SCTP_PORT)))
    }

    /// Gives a running endpoint new ICE credentials beside those in use. The answer has no channel: that stays. Before there was a
    /// connection it has what was there and no generation; where a restart is of no use there is no answer.
    fn restart_ice(&mut self, now: Instant, place: usize, id: &str, client_is_local: bool) -> Option<IceUdpTransport> {
        let conference = self.conferences.get(place)?.as_ref()?;
        let endpoint = conference.get(conference.find(id)?)?;
        let shows_private = endpoint.private_addresses;
        let (params, generation) = match endpoint.transport.restart_state() {
            RestartState::Impossible => return None,
            RestartState::NotEstablished(params) => (params, None),
            RestartState::Pending(params, generation) => (params, Some(generation)),
            RestartState::Possible => {
                let params = self.new_credentials();
                (params.clone(), Some(self.begin_restart(now, place, id, params)?))
            }
        };
        let answer = self.describe(&params, &self.offered(client_is_local, shows_private), shows_private);
        Some(IceUdpTransport { ice_generation: generation, ..answer })
    }

    fn begin_restart(&mut self, now: Instant, place: usize, id: &str, params: LocalParams) -> Option<u32> {
        let rng = ChaCha8Rng::from_rng(&mut self.rng);
        let conference = self.conferences.get_mut(place)?.as_mut()?;
        let endpoint = conference.get_mut(conference.find(id)?)?;
        self.demux.insert_ufrag(params.ufrag.clone(), endpoint.handle);
        Some(endpoint.transport.restart_ice(now, &self.identity, params, rng))
    }

    fn new_credentials(&mut self) -> LocalParams {
        LocalParams { ufrag: self.unused_ufrag(), pwd: random_text(&mut self.rng, PWD) }
    }

    /// `shows_private`: addresses of private networks are for this client to know.
    fn offered(&self, client_is_local: bool, shows_private: bool) -> Vec<LocalCandidate> {
        let is_for = |candidate: &LocalCandidate| {
            (client_is_local || !candidate.loopback)
                && (shows_private || candidate.loopback || !is_private(candidate.ip))
        };
        self.config.candidates.iter().copied().filter(is_for).collect()
    }

    /// Our half of a transport as it is signalled.
    fn describe(&self, params: &LocalParams, offered: &[LocalCandidate], shows_private: bool) -> IceUdpTransport {
        IceUdpTransport {
            ufrag: Some(params.ufrag.clone()),
            pwd: Some(params.pwd.clone()),
            fingerprints: vec![Fingerprint {
                hash: "sha-256".to_owned(),
                value: self.identity.fingerprint().to_owned(),
                setup: Some(Setup::Actpass),
            }],
            candidates: candidates(offered, &params.ufrag, shows_private),
            ..IceUdpTransport::default()
        }
    }

    /// After an order: what changed takes effect; a conference that lost its last endpoint by this order ends.
    fn finish(&mut self, now: Instant, place: usize, request: &ConferenceModify, sink: &mut dyn Sink) {
        let ends = request.endpoints.iter().any(|endpoint| endpoint.expire);
        if let Some((mut turn, conference)) = self.enter_conference(now, place, sink) {
            conference.settle(&mut turn);
            if ends && conference.is_empty() {
                self.end_conference(now, place, sink);
            }
        }
        self.forget_closed_channels();
    }

    fn feedback_sources(&self, place: usize) -> Vec<MediaSource> {
        let Some(conference) = self.conferences.get(place).and_then(Option::as_ref) else {
            return Vec::new();
        };
        let source = |id: &str, kind, ssrc| {
            let (id, ssrcs) = (id.to_owned(), vec![ssrc]);
            MediaSource { id, kind, ssrcs, groups: Vec::new(), desktop: false, synthetic: false }
        };
        vec![
            source("jvb-a0", MediaKind::Audio, conference.audio_ssrc.0),
            source("jvb-v0", MediaKind::Video, conference.video_ssrc.0),
        ]
    }

    fn channel_url(&self, conference: &str, endpoint: &str, password: &str) -> String {
        let base = self.config.websocket_base.as_deref().unwrap_or_default();
        let server = &self.config.server_id;
        format!(
            "{base}/colibri-ws/{}/{conference}/{}?pwd={password}",
            percent_encoded(server),
            percent_encoded(endpoint)
        )
    }

    fn unused_ufrag(&mut self) -> String {
        loop {
            let ufrag = tagged(self.config.tag, &mut self.rng, UFRAG);
            if !self.demux.has_ufrag(&ufrag) {
                return ufrag;
            }
        }
    }
}

/// Letters and digits: valid in ICE credentials, URLs and XML alike.
fn random_text(rng: &mut ChaCha8Rng, length: usize) -> String {
    const ALPHABET: [char; 62] = [
        'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
        'w', 'x', 'y', 'z', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R',
        'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9',
    ];
    // Numbers past the last whole alphabet are drawn again, so that no character is likelier than another.
    let draws = std::iter::repeat_with(|| usize::try_from(rng.next_u32() & 63).ok());
    draws.filter_map(|draw| ALPHABET.get(draw?).copied()).take(length).collect()
}

/// As much of it random, tag or not.
fn tagged(tag: Option<char>, rng: &mut ChaCha8Rng, length: usize) -> String {
    tag.into_iter().chain(random_text(rng, length).chars()).collect()
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn host_addresses(candidates: &[LocalCandidate]) -> Vec<IpAddr> {
    let host = |candidate: &LocalCandidate| (candidate.kind == CandidateKind::Host).then_some(candidate.ip);
    candidates.iter().filter_map(host).collect()
}

/// Candidates as they are signalled (priorities of RFC 8445 5.1.2.1).
fn candidates(offered: &[LocalCandidate], ufrag: &str, shows_private: bool) -> Vec<Candidate> {
    let preference = |ip: IpAddr| local_preference(offered, ip);
    let one = |(number, candidate): (usize, &LocalCandidate)| {
        let (kind, base, type_preference) = match candidate.kind {
            CandidateKind::Host => ("host", None, HOST_PREFERENCE),
            CandidateKind::Srflx { base } => ("srflx", Some(base), SRFLX_PREFERENCE),
        };
        let base_port = base.map(|base| offered.iter().find(|c| c.ip == base).map_or(candidate.port, |c| c.port));
        let is_hidden = base.is_some_and(|base| !shows_private && is_private(base));
        let (rel_addr, rel_port) = if is_hidden {
            (Some(HIDDEN_ADDRESS.to_owned()), Some(HIDDEN_PORT))
        } else {
            (base.map(|base| base.to_string()), base_port)
        };
        Candidate {
            component: 1,
            foundation: (number + 1).to_string(),
            generation: 0,
            id: format!("{ufrag}{number}"),
            ip: candidate.ip.to_string(),
            port: candidate.port,
            priority: (type_preference << 24) | (preference(base.unwrap_or(candidate.ip)) << 8) | 255,
            protocol: "udp".to_owned(),
            kind: kind.to_owned(),
            rel_addr,
            rel_port,
        }
    };
    offered.iter().enumerate().map(one).collect()
}

/// RFC 1918, RFC 4193, and what came before it (RFC 3879).
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local() || (ip.segments()[0] & 0xffc0) == 0xfec0,
    }
}

/// IPv6 a little before IPv4, else in the order given; a mapped address has that of its base.
fn local_preference(offered: &[LocalCandidate], ip: IpAddr) -> u32 {
    let place = offered.iter().position(|candidate| candidate.ip == ip).unwrap_or(offered.len());
    let place = u32::try_from(place).unwrap_or(u32::MAX).min(1000);
    let family = if ip.is_ipv6() { 2000 } else { 1000 };
    60_000 + family - place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_candidates_share_the_preference_of_their_base_and_ipv6_comes_first() {
        let base: IpAddr = "192.168.1.7".parse().unwrap();
        let host = |ip: &str| LocalCandidate {
            ip: ip.parse().unwrap(),
            port: 10_000,
            kind: CandidateKind::Host,
            loopback: false,
        };
        let mapped = LocalCandidate { kind: CandidateKind::Srflx { base }, port: 40_000, ..host("203.0.113.9") };
        let made = candidates(&[host("192.168.1.7"), host("fd00::7"), mapped], "u", true);
        let local = |index: usize| (made[index].priority >> 8) & 0xffff;
        assert_eq!(made[0].priority >> 24, 126);
        assert_eq!(made[2].priority >> 24, 100);
        assert_eq!(local(0), local(2));
        assert!(local(1) > local(0));
        assert_eq!((made[2].rel_addr.as_deref(), made[2].rel_port), (Some("192.168.1.7"), Some(10_000)));
    }

    #[test]
    fn random_texts_are_letters_and_digits() {
        let mut rng = ChaCha8Rng::from_seed([3; 32]);
        let text = random_text(&mut rng, 5000);
        assert_eq!(text.len(), 5000);
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert!((b'0'..=b'9').chain(b'a'..=b'z').chain(b'A'..=b'Z').all(|b| text.as_bytes().contains(&b)));
    }

    #[test]
    fn ids_are_safe_in_urls() {
        assert_eq!(percent_encoded("1a2b-._~"), "1a2b-._~");
        assert_eq!(percent_encoded("a/b ?é"), "a%2Fb%20%3F%C3%A9");
    }
}
