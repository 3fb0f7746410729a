//! The encoders that are known, in the words of each: what its bit rate is called, in which unit, and what must be set.

use std::fmt;

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;
use serde::{Deserialize, Serialize};

use crate::level::{Format, Level};

/// Encoders that are set in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// V4L2 memory to memory: Raspberry Pi 4, i.MX8QM, TI AM6x, Qualcomm.
    V4l2,
    /// Rockchip's media process platform, with the vendor's kernel.
    Mpp,
    /// NXP's VPU wrapper (i.MX8M Plus), with the vendor's kernel.
    Vpu,
    /// NVIDIA Jetson, with the vendor's kernel.
    Nv,
    /// VA-API: Intel and AMD.
    Va,
    X264,
    #[serde(rename = "openh264")]
    OpenH264,
}

impl Family {
    /// Not the processor: a part of the chip made for it.
    pub fn is_hardware(self) -> bool {
        !matches!(self, Self::X264 | Self::OpenH264)
    }

    fn input(self) -> &'static str {
        match self {
            // It takes pictures in NVIDIA's memory only.
            Self::Nv => "nvvidconv",
            // Passes what fits as it is.
            _ => "videoconvert",
        }
    }

    /// The level is negotiated; the others compute it from what they are given, and refuse to be told.
    fn takes_level(self) -> bool {
        matches!(self, Self::V4l2 | Self::X264)
    }

    fn takes_profile(self) -> bool {
        matches!(self, Self::V4l2 | Self::Va | Self::X264 | Self::OpenH264)
    }
}

/// By preference: hardware before software, what the vendor made for it before what is general, x264 before OpenH264, whose
/// pictures are worse at the same bit rate.
const KNOWN: [(&str, Family); 8] = [
    ("mpph264enc", Family::Mpp),
    ("vpuenc_h264", Family::Vpu),
    ("nvv4l2h264enc", Family::Nv),
    ("v4l2h264enc", Family::V4l2),
    ("vah264enc", Family::Va),
    ("vah264lpenc", Family::Va),
    ("x264enc", Family::X264),
    ("openh264enc", Family::OpenH264),
];

/// The Debian packages of the two that run on every machine.
pub(crate) const SOFTWARE: [(&str, &str); 2] =
    [("x264enc", "gstreamer1.0-plugins-ugly"), ("openh264enc", "gstreamer1.0-plugins-bad")];

/// An H.264 encoder: an element of GStreamer, and how it is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoder {
    /// The name of the element.
    pub element: String,
    pub family: Family,
}

impl fmt::Display for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.element)
    }
}

impl Encoder {
    /// The encoder with this name, if it is known how to set it.
    pub fn named(element: &str) -> Option<Self> {
        let (name, family) = KNOWN.iter().find(|(name, _)| *name == element)?;
        Some(Self { element: (*name).to_owned(), family: *family })
    }

    /// The known encoders that GStreamer has, by preference. That it has an element does not mean that it works.
    pub fn registered() -> Vec<Self> {
        let there = |name: &str| gst::ElementFactory::find(name).is_some();
        KNOWN.iter().filter(|(name, _)| there(name)).filter_map(|(name, _)| Self::named(name)).collect()
    }

    /// Makes the encoder, set and ready to be put into a pipeline.
    pub fn build(&self, settings: &Settings) -> Result<Stage, BuildError> {
        Stage::build(self, settings)
    }

    fn make(&self, element: &str) -> Result<gst::Element, BuildError> {
        gst::ElementFactory::make(element).build().map_err(|_| BuildError::NoElement(element.to_owned()))
    }

    fn set(&self, element: &gst::Element, settings: &Settings) -> Result<(), BuildError> {
        let key_interval = settings.key_interval.to_string();
        let threads = settings.threads.to_string();
        let properties: &[(&str, &str)] = match self.family {
            Family::V4l2 => &[],
            Family::Mpp => &[("rc-mode", "cbr"), ("gop", &key_interval), ("header-mode", "each-idr")],
            Family::Vpu => &[("gop-size", &key_interval)],
            Family::Nv => &[
                ("control-rate", "1"),
                ("iframeinterval", &key_interval),
                ("idrinterval", &key_interval),
                ("insert-sps-pps", "true"),
            ],
            Family::Va => &[("rate-control", "cbr"), ("key-int-max", &key_interval), ("b-frames", "0")],
            Family::X264 => &[
                ("tune", "zerolatency"),
                ("speed-preset", "superfast"),
                ("key-int-max", &key_interval),
                ("threads", &threads),
            ],
            Family::OpenH264 => &[
                ("rate-control", "bitrate"),
                ("complexity", "low"),
                ("gop-size", &key_interval),
                ("multi-thread", &threads),
                ("slice-mode", "auto"),
            ],
        };
        for (name, value) in properties {
            // Versions differ. What is decisive is measured in a trial, not believed of a property.
            if !set(element, name, value) {
                tracing::debug!(encoder = %self, property = name, value, "encoder has no such setting");
            }
        }
        if self.family == Family::Mpp {
            set(element, "level", &settings.level()?.0.to_string());
        }
        self.set_bitrate(element, settings, settings.format.bitrate)
    }

    fn set_bitrate(&self, element: &gst::Element, settings: &Settings, bitrate: u32) -> Result<(), BuildError> {
        let (name, value) = match self.family {
            Family::V4l2 => return set_controls(element, settings, bitrate),
            Family::Mpp => ("bps", bitrate),
            Family::Nv | Family::OpenH264 => ("bitrate", bitrate),
            Family::Vpu | Family::Va | Family::X264 => ("bitrate", bitrate.div_ceil(1000)),
        };
        let set = set(element, name, &value.to_string());
        set.then_some(()).ok_or_else(|| BuildError::NoProperty { element: self.element.clone(), property: name })
    }

    fn caps(&self, settings: &Settings) -> Result<gst::Caps, BuildError> {
        let mut caps =
            gst::Caps::builder("video/x-h264").field("stream-format", "byte-stream").field("alignment", "au");
        if self.family.takes_profile() {
            caps = caps.field("profile", settings.profile.name());
        }
        if self.family.takes_level() {
            caps = caps.field("level", settings.level()?.to_string());
        }
        Ok(caps.build())
    }
}

/// The controls of a V4L2 encoder go as one structure. Drivers warn of those that they do not have, and go on.
fn set_controls(element: &gst::Element, settings: &Settings, bitrate: u32) -> Result<(), BuildError> {
    let missing = || BuildError::NoProperty { element: element.name().into(), property: "extra-controls" };
    let property = element.find_property("extra-controls").ok_or_else(missing)?;
    if property.value_type() != gst::Structure::static_type() {
        return Err(missing());
    }
    let whole = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let controls = gst::Structure::builder("controls")
        .field("video_bitrate", whole(bitrate))
        // V4L2_MPEG_VIDEO_BITRATE_MODE_CBR.
        .field("video_bitrate_mode", 1)
        // The same under two names; a driver has one of them.
        .field("h264_i_frame_period", whole(settings.key_interval))
        .field("video_gop_size", whole(settings.key_interval))
        // Without it nobody can begin to watch in the middle.
        .field("repeat_sequence_header", 1)
        .build();
    element.set_property("extra-controls", controls);
    Ok(())
}

/// Sets a property if the element has it and the value fits; that it does not is no reason to panic, as it is in GLib.
fn set(element: &gst::Element, name: &str, value: &str) -> bool {
    let Some(property) = element.find_property(name) else { return false };
    let flags = property.flags();
    if !flags.contains(glib::ParamFlags::WRITABLE) || flags.contains(glib::ParamFlags::CONSTRUCT_ONLY) {
        return false;
    }
    let Ok(value) = glib::Value::deserialize(value, property.value_type()) else { return false };
    element.set_property_from_value(name, &value);
    true
}

/// What decoders must understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Every decoder does, and it costs an encoder the least.
    #[default]
    ConstrainedBaseline,
    Main,
    High,
}

impl Profile {
    /// As caps have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConstrainedBaseline => "constrained-baseline",
            Self::Main => "main",
            Self::High => "high",
        }
    }
}

/// How an encoder is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    pub format: Format,
    pub profile: Profile,
    /// Frames from one key frame to the next, if none is asked for.
    pub key_interval: u32,
    /// Of the processor, for encoders in software; 0: as many as the encoder likes.
    pub threads: u32,
}

impl Settings {
    /// A key frame every two seconds, as those who take live streams want it.
    pub fn new(format: Format) -> Self {
        Self { format, profile: Profile::default(), key_interval: format.fps.saturating_mul(2).max(1), threads: 0 }
    }

    /// The lowest level that suffices.
    pub fn level(&self) -> Result<Level, BuildError> {
        Level::of(self.format).ok_or(BuildError::NoLevel(self.format))
    }
}

/// Why an encoder cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("there is no element {0} in GStreamer (`gst-inspect-1.0 {0}`)")]
    NoElement(String),
    #[error("the element {element} has no {property}")]
    NoProperty { element: String, property: &'static str },
    #[error("no level of H.264 holds {0}")]
    NoLevel(Format),
    #[error("the element {0} cannot be linked")]
    NotLinked(String),
}

/// An encoder in a pipeline: raw video in, H.264 as a byte stream out, whole pictures, with profile and level as set.
///
/// The pads of [`bin`](Self::bin) are `sink` and `src`. Raw video is converted to what the encoder takes; I420 needs no
/// conversion for most.
#[derive(Debug, Clone)]
pub struct Stage {
    encoder: Encoder,
    settings: Settings,
    bin: gst::Bin,
    element: gst::Element,
}

impl Stage {
    fn build(encoder: &Encoder, settings: &Settings) -> Result<Self, BuildError> {
        let input = encoder.make(encoder.family.input())?;
        let element = encoder.make(&encoder.element)?;
        let filter = encoder.make("capsfilter")?;
        encoder.set(&element, settings)?;
        filter.set_property("caps", encoder.caps(settings)?);
        let bin = gst::Bin::new();
        let not_linked = |_| BuildError::NotLinked(encoder.element.clone());
        let row = [&input, &element, &filter];
        bin.add_many(row).map_err(not_linked)?;
        gst::Element::link_many(row).map_err(not_linked)?;
        for (name, inner) in [("sink", &input), ("src", &filter)] {
            let pad = inner.static_pad(name).ok_or_else(|| BuildError::NotLinked(encoder.element.clone()))?;
            let ghost = gst::GhostPad::builder_with_target(&pad).map_err(not_linked)?.name(name).build();
            bin.add_pad(&ghost).map_err(not_linked)?;
        }
        Ok(Self { encoder: encoder.clone(), settings: *settings, bin, element })
    }

    /// What goes into a pipeline.
    pub fn bin(&self) -> &gst::Bin {
        &self.bin
    }

    /// Asks for a key frame; the next picture that is encoded should be one. Whether the encoder has heard it.
    pub fn force_key_frame(&self) -> bool {
        let event = gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
        self.element.static_pad("src").is_some_and(|pad| pad.send_event(event))
    }

    /// Changes the bit rate while it works; bits a second.
    pub fn set_bitrate(&self, bitrate: u32) -> Result<(), BuildError> {
        self.encoder.set_bitrate(&self.element, &self.settings, bitrate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VGA: Format = Format { width: 640, height: 480, fps: 30, bitrate: 1_000_000 };

    fn software(element: &str) -> Encoder {
        gst::init().unwrap();
        let package = SOFTWARE.iter().find(|(name, _)| *name == element).unwrap().1;
        assert!(gst::ElementFactory::find(element).is_some(), "{element} is missing: apt install {package}");
        Encoder::named(element).unwrap()
    }

    #[test]
    fn hardware_comes_before_software() {
        let families: Vec<Family> = KNOWN.iter().map(|(_, family)| *family).collect();
        let first_software = families.iter().position(|family| !family.is_hardware()).unwrap();
        assert!(families[first_software..].iter().all(|family| !family.is_hardware()));
    }

    #[test]
    fn the_bit_rate_is_set_in_the_unit_of_the_encoder_and_can_be_changed() {
        for (element, bits) in [("x264enc", 1000), ("openh264enc", 1)] {
            let stage = software(element).build(&Settings::new(VGA)).unwrap();
            assert_eq!(stage.element.property::<u32>("bitrate") * bits, 1_000_000);
            stage.set_bitrate(300_000).unwrap();
            assert_eq!(stage.element.property::<u32>("bitrate") * bits, 300_000);
        }
    }

    #[test]
    fn every_setting_of_the_software_encoders_is_one_they_have() {
        let stage = software("x264enc").build(&Settings::new(VGA)).unwrap();
        assert_eq!(stage.element.property::<u32>("key-int-max"), 60);
        let shown = |name: &str| stage.element.property_value(name).serialize().unwrap().to_string();
        assert_eq!((shown("tune").as_str(), shown("speed-preset").as_str()), ("Zero latency", "superfast"));
        let stage = software("openh264enc").build(&Settings::new(VGA)).unwrap();
        let shown = |name: &str| stage.element.property_value(name).serialize().unwrap().to_string();
        assert_eq!((shown("rate-control").as_str(), shown("complexity").as_str()), ("bitrate", "low"));
    }

    #[test]
    fn profile_and_level_are_in_the_caps() {
        let caps = Encoder::named("v4l2h264enc").unwrap().caps(&Settings::new(VGA)).unwrap();
        let caps = caps.structure(0).unwrap();
        assert_eq!(caps.get::<&str>("level"), Ok("3"));
        assert_eq!(caps.get::<&str>("profile"), Ok("constrained-baseline"));
    }

    #[test]
    fn what_is_not_there_is_an_error_that_names_it() {
        gst::init().unwrap();
        let absent = Encoder { element: "no-such-encoder".to_owned(), family: Family::X264 };
        let error = absent.build(&Settings::new(VGA)).unwrap_err().to_string();
        assert!(error.contains("no-such-encoder"), "{error}");
        // An element of another kind, without a bit rate.
        let wrong = Encoder { element: "identity".to_owned(), family: Family::X264 };
        assert!(matches!(wrong.build(&Settings::new(VGA)), Err(BuildError::NoProperty { property: "bitrate", .. })));
        let wrong = Encoder { element: "identity".to_owned(), family: Family::V4l2 };
        assert!(matches!(wrong.build(&Settings::new(VGA)), Err(BuildError::NoProperty { .. })));
    }
}
