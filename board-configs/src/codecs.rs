//! `signal.codecs`: a list, or one word for a policy.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const HARDWARE_FRIENDLY: &str = "hardware-friendly";

/// Video codec by its name in SDP, lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    Vp8,
    Vp9,
    H264,
    Av1,
}

impl Codec {
    /// The name that clients use: `vp8`, `vp9`, `h264`, `av1`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vp8 => "vp8",
            Self::Vp9 => "vp9",
            Self::H264 => "h264",
            Self::Av1 => "av1",
        }
    }
}

/// Which video codecs meetings use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codecs {
    /// Most wanted first.
    Ordered(Vec<Codec>),
    /// H.264 for everybody, which small boxes decode in hardware; VP8 while somebody is there who cannot decode it.
    HardwareFriendly,
}

impl Codecs {
    /// Those that may be used, most wanted first.
    pub fn order(&self) -> &[Codec] {
        match self {
            Self::Ordered(list) => list,
            Self::HardwareFriendly => &[Codec::H264, Codec::Vp8],
        }
    }
}

impl Serialize for Codecs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ordered(list) => list.serialize(serializer),
            Self::HardwareFriendly => serializer.serialize_str(HARDWARE_FRIENDLY),
        }
    }
}

impl<'de> Deserialize<'de> for Codecs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListOrWord)
    }
}

struct ListOrWord;

impl<'de> Visitor<'de> for ListOrWord {
    type Value = Codecs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of codecs or \"{HARDWARE_FRIENDLY}\"")
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Codecs, E> {
        match word {
            HARDWARE_FRIENDLY => Ok(Codecs::HardwareFriendly),
            other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Codecs, A::Error> {
        let mut list = Vec::new();
        while let Some(codec) = items.next_element()? {
            list.push(codec);
        }
        Ok(Codecs::Ordered(list))
    }
}
