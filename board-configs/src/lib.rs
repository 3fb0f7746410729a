//! The one configuration of a box, typed.
//!
//! **Purpose.** [`Config::load`] reads TOML files (or none) into typed values, all or nothing. Every refusal names file, line and
//! key and says what to write instead. Layers, later wins: built-in default, what the [`Board`] carries, one file after the other,
//! command line; each value remembers its [`Origin`].
//!
//! **Place.** At the bottom: every process reads it, it depends on nothing of ours.
//!
//! **Entry rule.** Only serde data and its checks. One file per section; a key's documentation stands beside its field and is what
//! the commented sample ([`sample()`]) is made of. A board is a file in `boards/`: facts and budgets of the hardware, never policy.
//!
//! ```
//! # use board_config::{Config, Flags, Machine};
//! let text = "board = \"rpi4\"\n[network]\nport = 443\n";
//! let config = Config::parse("site.toml".as_ref(), text, &Flags::default(), &Machine::default()).unwrap();
//! assert_eq!(config.network.port.0, 443);
//! assert_eq!(config.origins.of("network.port").to_string(), "site.toml:3");
//! ```

mod api;
mod board;
mod branding;
mod bridge;
mod check;
mod codecs;
mod error;
mod flags;
mod key;
mod load;
mod log;
mod network;
mod origin;
mod recorder;
mod sample;
mod secret;
mod show;
mod signal;
mod suggest;
mod tls;
mod transcription;
mod units;
mod xmpp;

pub use api::Api;
pub use board::{
    Active, Audio, Backend, Bias, Board, BoardError, Budget, Budgets, By, Display, Dmi, Gpio, GpioBackend, Limits,
    Line, Machine, Memory, Participants, Recognised, Storage, Traces, Update, Watchdog, boards,
};
pub use branding::{Branding, Colours};
pub use bridge::{Bridge, SrtpProfile};
pub use codecs::{Codec, Codecs};
pub use error::{ConfigError, Place};
pub use flags::Flags;
pub use key::{Key, keys};
pub use load::Config;
pub use log::{Level, Log};
pub use network::Network;
pub use origin::{Origin, Origins};
pub use recorder::{Moderators, Recorder, RecordingName};
pub use sample::sample;
pub use show::Effective;
pub use signal::{Channel, Service, ServiceKind, Signal, Transport};
pub use tls::Tls;
pub use transcription::{HttpHeader, Transcription};
pub use units::{
    BoardName, Bytes, Colour, Count, DomainName, HostPort, Kbps, Port, Seconds, WebOrigin, WebSocketTemplate,
};
pub use xmpp::Xmpp;
