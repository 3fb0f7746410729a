//! An element under the name `v4l2h264enc` that stands in for the encoder of a chip: a software encoder inside, and around it the
//! ways in which drivers are known to fail. It shows what is done about a failure, not that a real driver behaves like this.

use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, Once, OnceLock, PoisonError};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer::subclass::prelude::*;

/// What it does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing. As the encoder of a Raspberry Pi 4, it works only with a level that suffices for 640x360.
    Good,
    /// "Sends the first frame, then stops", with no error (raspberrypi/linux#4906); or after so many.
    StopsAfter(u32),
    /// Its pictures say level 1.
    SaysWrongLevel,
    /// As drivers without V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME (raspberrypi/linux#3171).
    IgnoresKeyFrameRequests,
    TriplesTheBitrate,
    /// The first picture is missing.
    BeginsInTheMiddle,
    /// Registered, but the device is a stub.
    FailsToStart,
    HangsAtStart,
    HangsAtStop,
    /// The end of the stream never comes out.
    NeverEnds,
}

static MODE: Mutex<Mode> = Mutex::new(Mode::Good);
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
/// Where the hanging ones wait until a test is over.
static GATE: LazyLock<(Mutex<bool>, Condvar)> = LazyLock::new(Default::default);

/// There is one element of the name, so tests take turns. What hangs goes on when this is dropped.
pub(crate) struct Turn(#[expect(dead_code, reason = "held")] MutexGuard<'static, ()>);

impl Turn {
    /// Registers the stand-in, if that has not happened yet.
    pub(crate) fn take(mode: Mode) -> Self {
        static REGISTERED: Once = Once::new();
        let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        REGISTERED.call_once(|| {
            gst::init().unwrap();
            gst::Element::register(None, "v4l2h264enc", gst::Rank::NONE, StandIn::static_type()).unwrap();
        });
        *GATE.0.lock().unwrap() = false;
        let turn = Self(guard);
        turn.change(mode);
        turn
    }

    /// From now on it does something else wrong.
    pub(crate) fn change(&self, mode: Mode) {
        *MODE.lock().unwrap() = mode;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *GATE.0.lock().unwrap() = true;
        GATE.1.notify_all();
    }
}

fn hang() {
    let open = GATE.0.lock().unwrap();
    drop(GATE.1.wait_while(open, |open| !*open).unwrap());
}

glib::wrapper! {
    pub struct StandIn(ObjectSubclass<imp::StandIn>) @extends gst::Bin, gst::Element, gst::Object;
}

mod imp {
    use super::*;

    #[derive(Debug)]
    pub struct StandIn {
        mode: Mode,
        encoder: OnceLock<gst::Element>,
        controls: Mutex<Option<gst::Structure>>,
    }

    impl Default for StandIn {
        fn default() -> Self {
            Self { mode: *MODE.lock().unwrap(), encoder: OnceLock::new(), controls: Mutex::new(None) }
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for StandIn {
        const NAME: &'static str = "EncoderProbeStandIn";
        type Type = super::StandIn;
        type ParentType = gst::Bin;
    }

    impl ObjectImpl for StandIn {
        fn properties() -> &'static [glib::ParamSpec] {
            static PROPERTIES: LazyLock<[glib::ParamSpec; 1]> =
                LazyLock::new(|| [glib::ParamSpecBoxed::builder::<gst::Structure>("extra-controls").build()]);
            &*PROPERTIES
        }

        fn set_property(&self, _id: usize, value: &glib::Value, _: &glib::ParamSpec) {
            let controls = value.get::<gst::Structure>().unwrap();
            let control = |name: &str| u32::try_from(controls.get::<i32>(name).unwrap()).unwrap();
            let factor = if self.mode == Mode::TriplesTheBitrate { 3 } else { 1 };
            let encoder = self.encoder.get().unwrap();
            encoder.set_property("bitrate", control("video_bitrate") * factor / 1000);
            // The driver takes it once, before it works; the software encoder inside minds.
            if self.controls.lock().unwrap().is_none() {
                encoder.set_property("key-int-max", control("h264_i_frame_period"));
            }
            *self.controls.lock().unwrap() = Some(controls);
        }

        fn property(&self, _id: usize, _: &glib::ParamSpec) -> glib::Value {
            self.controls.lock().unwrap().to_value()
        }

        fn constructed(&self) {
            self.parent_constructed();
            let encoder = gst::ElementFactory::make("x264enc")
                .property_from_str("tune", "zerolatency")
                .property_from_str("speed-preset", "ultrafast")
                .build()
                .expect("x264enc is missing: apt install gstreamer1.0-plugins-ugly");
            self.obj().add(&encoder).unwrap();
            for name in ["sink", "src"] {
                let template = Self::pad_templates().iter().find(|template| template.name() == name).unwrap();
                let target = encoder.static_pad(name).unwrap();
                let ghost = gst::GhostPad::builder_from_template_with_target(template, &target).unwrap().build();
                self.obj().add_pad(&ghost).unwrap();
            }
            fail_as(self.mode, &encoder.static_pad("src").unwrap());
            self.encoder.set(encoder).unwrap();
        }
    }

    impl GstObjectImpl for StandIn {}
    impl BinImpl for StandIn {}

    impl ElementImpl for StandIn {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
                gst::subclass::ElementMetadata::new(
                    "Stand-in for v4l2h264enc",
                    "Codec/Encoder/Video/Hardware",
                    "x264enc with the failures of drivers",
                    "Moothall",
                )
            });
            Some(&*METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<[gst::PadTemplate; 2]> = LazyLock::new(|| {
                let template = |name: &str, direction, caps: &str| {
                    let caps = caps.parse::<gst::Caps>().unwrap();
                    gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps).unwrap()
                };
                [
                    template("sink", gst::PadDirection::Sink, "video/x-raw, format={ I420, NV12 }"),
                    template("src", gst::PadDirection::Src, "video/x-h264, stream-format=byte-stream, alignment=au"),
                ]
            });
            &*TEMPLATES
        }

        fn change_state(&self, change: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
            match (self.mode, change) {
                (Mode::FailsToStart, gst::StateChange::NullToReady) => {
                    gst::element_imp_error!(self, gst::ResourceError::Failed, ("Device '/dev/video11' is no encoder"));
                    return Err(gst::StateChangeError);
                }
                (Mode::HangsAtStart, gst::StateChange::ReadyToPaused)
                | (Mode::HangsAtStop, gst::StateChange::ReadyToNull) => hang(),
                _ => {}
            }
            self.parent_change_state(change)
        }
    }
}

/// Ten times the level that is asked for.
fn level_asked(pad: &gst::Pad) -> Option<u32> {
    let caps = pad.peer_query_caps(None);
    let level = caps.structure(0)?.get::<String>("level").ok()?;
    let (whole, tenth) = level.split_once('.').unwrap_or((&level, "0"));
    Some(whole.parse::<u32>().ok()? * 10 + tenth.parse::<u32>().ok()?)
}

fn fail_as(mode: Mode, src: &gst::Pad) {
    let mut number = 0u32;
    let pictures = Mutex::new(move || {
        number += 1;
        number
    });
    src.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let number = pictures.lock().unwrap()();
        // raspberrypi/linux#3974 and #4906: nothing without a level, one picture with one that is too low.
        let enough = level_asked(pad).map_or(0, |level| if level < 30 { 1 } else { u32::MAX });
        let dropped = number > enough
            || matches!(mode, Mode::StopsAfter(last) if number > last)
            || mode == Mode::BeginsInTheMiddle && number == 1;
        if mode == Mode::SaysWrongLevel
            && let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data
        {
            say_level_1(buffer.make_mut());
        }
        if dropped { gst::PadProbeReturn::Drop } else { gst::PadProbeReturn::Ok }
    });
    src.add_probe(gst::PadProbeType::EVENT_BOTH, move |_, info| {
        let dropped = match info.event().map(|event| event.type_()) {
            Some(gst::EventType::CustomUpstream) => mode == Mode::IgnoresKeyFrameRequests,
            Some(gst::EventType::Eos) => mode == Mode::NeverEnds,
            _ => false,
        };
        if dropped { gst::PadProbeReturn::Handled } else { gst::PadProbeReturn::Ok }
    });
}

/// `level_idc` is the third byte of a sequence parameter set.
fn say_level_1(buffer: &mut gst::BufferRef) {
    let mut bytes = buffer.map_writable().unwrap();
    let found = bytes.windows(4).position(|window| window[..3] == [0, 0, 1] && window[3] & 0x1f == 7);
    if let Some(at) = found {
        bytes[at + 6] = 10;
    }
}
