//! Builds signal and bridge from the configuration: what a value means to each of them.

use std::net::IpAddr;

use board_config::{Board, Channel, Codec, Codecs, Config, Machine, Service, SrtpProfile, Transcription};
use bridge::core::{BridgeConfig, srtp};
use bridge::shell::candidates::Rules;
use jitsi_wire::colibri2::HttpHeader;
use signal::focus::{ChannelKind, Transcriber, VideoCodec};
use signal::muc::MucLimits;
use signal::router::SignalConfig;
use signal::services::ExternalService;
use signal::shell::{Branding, ClientConfig, Colour, Limits, Logo, PAGE, Web};

use crate::exit::{Failure, Reason};

/// However many processors there are: one thread forwards some hundred thousand packets a second on those machines.
const MOST_WORKERS: usize = 8;

/// A quarter of a second of a camera: what is missing is asked for that late on most lines.
const LEAST_HISTORY: usize = 64 * 1024;

/// What clients are told and served, apart from sockets and certificate.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) client: ClientConfig,
    pub(crate) branding: Branding,
    pub(crate) web: Web,
    pub(crate) limits: Limits,
}

pub(crate) fn candidate_rules(config: &Config, bound: Vec<IpAddr>, port: u16) -> Rules {
    Rules {
        interfaces: config.bridge.interfaces.clone(),
        denied: config.bridge.interfaces_denied.clone(),
        public: config.bridge.public_addresses.clone(),
        bound,
        port,
    }
}

/// What may be kept of one participant's video: half of what the machine has for each of as many as may come.
fn history_bytes(config: &Config, machine: &Machine) -> usize {
    let most = BridgeConfig::default().history_bytes;
    let board = config.board.as_ref().and_then(|name| Board::named(name).ok());
    let each = board.and_then(|board| board.memory_each(machine, config.bridge.max_participants.get()));
    let half = each.map_or(most, |each| usize::try_from(each.bytes() / 2).unwrap_or(most));
    half.clamp(LEAST_HISTORY, most)
}

pub(crate) fn bridge(config: &Config, server_id: String, machine: &Machine) -> BridgeConfig {
    let profiles = config.bridge.srtp_profiles.iter().map(|profile| match profile {
        SrtpProfile::AeadAes128Gcm => srtp::Profile::AeadAes128Gcm,
        SrtpProfile::Aes128CmHmacSha1_80 => srtp::Profile::Aes128CmHmacSha1_80,
    });
    BridgeConfig {
        server_id,
        srtp_profiles: profiles.collect(),
        history_bytes: history_bytes(config, machine),
        max_participants: config.bridge.max_participants.get(),
        max_egress_bps: config.bridge.receiver_kbps.bits_per_second(),
        uplink_bps: Some(config.bridge.max_egress_kbps.bits_per_second()),
        version: Some(version()),
        ..BridgeConfig::default()
    }
}

/// Threads that forward audio and video: by the processors, unless it is written. Four processors have enough to do with one, as
/// what else runs on a board needs some as well.
pub(crate) fn workers(config: &Config) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    config.bridge.workers.map_or(workers_of(processors), board_config::Count::get)
}

fn workers_of(processors: usize) -> usize {
    if processors <= 4 { 1 } else { (processors / 2).min(MOST_WORKERS) }
}

pub(crate) fn signal(config: &Config) -> SignalConfig {
    let mut signal = SignalConfig::new(config.xmpp.domain.as_str());
    signal.max_sessions = config.signal.max_sessions.get();
    signal.muc.occupants = config.signal.max_occupants.get();
    signal.stream.frame.bytes = config.signal.max_stanza.get();
    signal.stream.resume.hold = config.signal.resume_within.get();
    // The longest stanza and what goes with it must pass at once.
    let burst = u32::try_from(config.signal.max_stanza.get()).unwrap_or(u32::MAX).saturating_mul(2);
    signal.stream.rate.byte_burst = signal.stream.rate.byte_burst.max(burst);
    signal.services = config.signal.services.iter().map(service).collect();
    signal.focus.codecs = config.signal.codecs.order().iter().map(codec).collect();
    signal.focus.hardware_friendly = config.signal.codecs == Codecs::HardwareFriendly;
    signal.focus.max_rooms = config.signal.max_rooms.get();
    signal.focus.max_participants = config.signal.max_occupants.get();
    signal.focus.recorded_rooms = config.recorder.rooms.iter().map(|room| room.to_lowercase()).collect();
    signal.focus.recorded_chat = config.recorder.chat;
    signal.focus.transcriber = transcriber(&config.transcription);
    signal.focus.channel = match config.signal.channel {
        Channel::WebSocket => ChannelKind::WebSocket,
        Channel::DataChannel => ChannelKind::DataChannel,
    };
    signal
}

fn transcriber(transcription: &Transcription) -> Option<Transcriber> {
    let header =
        |header: &board_config::HttpHeader| HttpHeader { name: header.name.clone(), value: header.value.clone() };
    Some(Transcriber {
        url_template: transcription.url_template.as_ref()?.as_str().to_owned(),
        http_headers: transcription.http_headers.iter().map(header).collect(),
    })
}

fn codec(codec: &Codec) -> VideoCodec {
    match codec {
        Codec::Vp8 => VideoCodec::Vp8,
        Codec::Vp9 => VideoCodec::Vp9,
        Codec::H264 => VideoCodec::H264,
        Codec::Av1 => VideoCodec::Av1,
    }
}

fn service(service: &Service) -> ExternalService {
    ExternalService {
        kind: service.kind.name().to_owned(),
        host: service.host.as_str().to_owned(),
        port: service.port.0,
        transport: service.transport.name().to_owned(),
        credentials: service.username.clone().zip(service.password.clone()),
    }
}

pub(crate) fn site(config: &Config) -> Result<Site, Failure> {
    let mut client = ClientConfig::new(config.xmpp.domain.as_str());
    client.codecs = config.signal.codecs.order().iter().map(|codec| codec.name().to_owned()).collect();
    client.recording_notice.clone_from(&config.recorder.notice);
    client.embedders = config.signal.embedders.iter().map(|origin| origin.as_str().to_owned()).collect();
    client.mobile_codecs = client.codecs.clone();
    client.transcription = config.transcription.url_template.is_some();
    client.prefer_sctp = config.signal.channel == Channel::DataChannel;
    let web = match &config.signal.web_root {
        Some(folder) if !folder.join("index.html").is_file() => {
            let origin = config.origins.of("signal.web_root");
            let sentence = format!(
                "{origin}: `signal.web_root`: there is no index.html in {}; write the folder of a page, or leave the key out",
                folder.display()
            );
            return Err(Failure::new(Reason::Config, sentence));
        }
        Some(folder) => Web::Directory(folder.clone()),
        None => Web::Embedded(PAGE),
    };
    Ok(Site { client, branding: branding(config)?, web, limits: limits(config) })
}

fn limits(config: &Config) -> Limits {
    let (usual, signal) = (Limits::default(), &config.signal);
    let (sessions, occupants) = (signal.max_sessions.get(), signal.max_occupants.get());
    let presences = occupants.saturating_mul(MucLimits::default().presence_bytes);
    Limits {
        xmpp_frame: signal.max_stanza.get(),
        // Each client has its stream, its channel to the bridge, and fetches the page now and then.
        connections: usual.connections.max(sessions.saturating_mul(3)),
        streams_per_address: sessions.saturating_mul(3).div_ceil(4),
        queued_bytes: usual.queued_bytes.max(presences),
        ..usual
    }
}

fn branding(config: &Config) -> Result<Branding, Failure> {
    let branding = &config.branding;
    let logo = branding.logo.as_deref().map(Logo::read).transpose().map_err(|error| {
        let origin = config.origins.of("branding.logo");
        Failure::new(Reason::Config, format!("{origin}: `branding.logo`: {error}; write the path of a picture"))
    })?;
    // Both sides mean `#rrggbb`, so nothing is lost on the way.
    let colour =
        |colour: &Option<board_config::Colour>| colour.as_ref().and_then(|c| c.as_str().parse::<Colour>().ok());
    Ok(Branding {
        name: branding.name.clone(),
        welcome: branding.welcome.clone(),
        logo,
        accent_light: colour(&branding.colours.accent_light),
        accent_dark: colour(&branding.colours.accent_dark),
        background: colour(&branding.colours.background),
    })
}

/// As clients and operators see it.
pub(crate) fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use board_config::Flags;

    fn config(text: &str) -> Config {
        Config::parse("site.toml".as_ref(), text, &Flags::default(), &board_config::Machine::default()).unwrap()
    }

    #[test]
    fn every_part_is_built_from_its_section() {
        let config = config(
            "[xmpp]\ndomain = \"hall.example\"\n\
             [bridge]\nreceiver_kbps = 1500\nmax_egress_kbps = 9000\nsrtp_profiles = [\"AES_CM_128_HMAC_SHA1_80\"]\nmax_participants = 7\n\
             [signal]\ncodecs = [\"h264\", \"vp8\"]\nchannel = \"datachannel\"\nmax_stanza = \"64 KiB\"\n\
             [[signal.services]]\ntype = \"turns\"\nhost = \"turn.example\"\nport = 443\ntransport = \"tcp\"\n\
             username = \"u\"\npassword = \"p\"\n\
             [branding]\nname = \"Town hall\"\n[branding.colours]\naccent_dark = \"#72d5b8\"\n",
        );
        let signal = signal(&config);
        assert_eq!(signal.domain, "hall.example");
        let large = super::signal(&self::config("[signal]\nmax_stanza = \"4 MiB\"\n")).stream;
        assert!(u64::from(large.rate.byte_burst) >= large.frame.bytes as u64);
        assert_eq!(signal.focus.codecs, [VideoCodec::H264, VideoCodec::Vp8]);
        assert_eq!(signal.focus.channel, ChannelKind::DataChannel);
        assert_eq!(signal.services[0].credentials, Some(("u".to_owned(), "p".to_owned())));
        assert_eq!(signal.focus.transcriber, None);
        let transcribed = super::signal(&self::config(
            "[transcription]\nurl_template = \"wss://a.example/{{MEETING_ID}}\"\nhttp_headers = [\"X-Key: k\"]\n",
        ));
        let transcriber = transcribed.focus.transcriber.unwrap();
        assert_eq!(
            (transcriber.url_template.as_str(), &*transcriber.http_headers[0].value),
            ("wss://a.example/{{MEETING_ID}}", "k")
        );
        let bridge = bridge(&config, "id".to_owned(), &Machine::default());
        assert_eq!((bridge.max_egress_bps, bridge.max_participants), (1_500_000, 7));
        assert_eq!(bridge.uplink_bps, Some(9_000_000));
        assert_eq!(bridge.srtp_profiles, [srtp::Profile::Aes128CmHmacSha1_80]);
        let site = site(&config).unwrap();
        assert_eq!((site.client.domain.as_str(), site.client.prefer_sctp), ("hall.example", true));
        assert_eq!(site.branding.accent_dark.unwrap().to_string(), "#72d5b8");
        assert_eq!(site.limits.xmpp_frame, 65_536);
    }

    #[test]
    fn what_is_kept_of_videos_follows_from_memory_and_participants() {
        let machine =
            |mebibytes: u64| Machine { memory: Some(board_config::Bytes::new(mebibytes << 20)), ..Machine::default() };
        let most = BridgeConfig::default().history_bytes;
        let bytes = |text: &str, machine: &Machine| history_bytes(&config(text), machine);
        assert_eq!(bytes("", &machine(906)), most, "no board");
        assert_eq!(bytes("board = \"rpi4\"\n", &Machine::default()), most, "nothing is known of its memory");
        let small = bytes("board = \"rpi4\"\n[bridge]\nmax_participants = 60\n", &machine(906));
        assert!((500_000..900_000).contains(&small), "{small}");
        assert_eq!(bytes("board = \"rpi4\"\n[bridge]\nmax_participants = 5000\n", &machine(906)), LEAST_HISTORY);
        assert_eq!(bytes("board = \"rpi4\"\n[bridge]\nmax_participants = 10\n", &machine(7930)), most);
    }

    #[test]
    fn a_small_board_has_one_worker_and_a_large_machine_several() {
        assert_eq!([1, 2, 4, 6, 8, 64].map(workers_of), [1, 1, 1, 3, 4, 8]);
        assert_eq!(workers(&config("[bridge]\nworkers = 3\n")), 3);
    }

    #[test]
    fn a_hardware_friendly_meeting_is_h264_and_then_vp8_for_the_focus_and_for_clients() {
        let config = config("[signal]\ncodecs = \"hardware-friendly\"\n");
        let focus = signal(&config).focus;
        assert_eq!(
            (focus.codecs.as_slice(), focus.hardware_friendly),
            (&[VideoCodec::H264, VideoCodec::Vp8][..], true)
        );
        assert_eq!(site(&config).unwrap().client.codecs, ["h264", "vp8"]);
        assert!(!signal(&self::config("")).focus.hardware_friendly);
    }

    #[test]
    fn limits_of_the_shell_follow_from_those_of_the_signal() {
        let usual = limits(&config(""));
        assert_eq!((usual.connections, usual.streams_per_address), (2048, 300));
        let large = limits(&config("[signal]\nmax_sessions = 2000\nmax_occupants = 500\n"));
        assert_eq!((large.connections, large.streams_per_address), (6000, 1500));
        assert!(large.queued_bytes >= 500 * MucLimits::default().presence_bytes);
    }

    #[test]
    fn a_logo_that_is_not_there_is_refused_with_its_line() {
        let failure = site(&config("[branding]\nlogo = \"/nonexistent/logo.svg\"\n")).unwrap_err();
        assert!(failure.sentence.starts_with("site.toml:2: `branding.logo`: /nonexistent/logo.svg: "), "{failure:?}");
        assert_eq!(failure.reason, Reason::Config);
    }

    #[test]
    fn a_folder_without_a_page_is_refused_with_its_line() {
        let failure = site(&config("[signal]\nweb_root = \"/nonexistent\"\n")).unwrap_err();
        let sentence = "site.toml:2: `signal.web_root`: there is no index.html in /nonexistent; write the folder of a page, \
                        or leave the key out";
        assert_eq!((failure.sentence.as_str(), failure.reason), (sentence, Reason::Config));
    }
}
