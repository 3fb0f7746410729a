//! A chip's encoder that works is used, and one that does not is not. The chip is a stand-in: see `stand_in.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

mod stand_in;

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use encoder_probe::{
    Capabilities, Choice, Encoder, Failure, Format, Level, Limits, Options, Profile, Settings, TRIAL, Trial, Verdict,
    Watchdog, benchmark, choose, dry_run, probe,
};
use stand_in::{Mode, Turn};

/// What is measured here is not how fast this machine is.
fn limits() -> Limits {
    Limits { measure: Duration::from_millis(100), ..Limits::default() }
}

/// For what stops for sure, so that nobody has to wait long to see it.
fn impatient() -> Limits {
    Limits { silence: SOON, release: SOON, ..limits() }
}

const SOON: Duration = Duration::from_millis(500);

fn hardware() -> Encoder {
    Encoder::named("v4l2h264enc").unwrap()
}

/// A file that no other test uses.
struct Cache(PathBuf);

impl Cache {
    fn new(name: &str) -> Self {
        let this = Self(std::env::temp_dir().join(format!("encoder-probe-{name}-{}.json", std::process::id())));
        let _ = std::fs::remove_file(&this.0);
        this
    }

    fn probe(&self, again: bool) -> Capabilities {
        probe(&Options { cache: Some(&self.0), again, limits: limits() }).unwrap()
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn order(capabilities: &Capabilities) -> Vec<&str> {
    capabilities.selection.encoders.iter().map(|choice| choice.encoder.element.as_str()).collect()
}

/// What this machine does in software, tried once for all tests.
fn software() -> &'static [Trial] {
    static SOFTWARE: OnceLock<Vec<Trial>> = OnceLock::new();
    SOFTWARE.get_or_init(|| {
        let packages = [("x264enc", "gstreamer1.0-plugins-ugly"), ("openh264enc", "gstreamer1.0-plugins-bad")];
        let tried = |(element, package): (&str, &str)| {
            let there = Encoder::registered().iter().any(|encoder| encoder.element == element);
            assert!(there, "{element} is missing: apt install {package}");
            let encoder = Encoder::named(element).unwrap();
            let verdict = Verdict::Good(dry_run(&encoder, &limits()).unwrap());
            let rungs = benchmark(&encoder, &limits()).unwrap();
            Trial { encoder, verdict, rungs }
        };
        packages.into_iter().map(tried).collect()
    })
}

/// Tries the stand-in in this mode, and decides.
fn fails(mode: Mode, limits: &Limits) -> (Failure, String) {
    let _turn = Turn::take(mode);
    let failure = dry_run(&hardware(), limits).unwrap_err();
    let verdict = Verdict::Failed(failure.clone());
    let mut trials = vec![Trial { encoder: hardware(), verdict, rungs: Vec::new() }];
    trials.extend_from_slice(software());
    let selection = choose(&trials);
    let first = selection.first().unwrap_or_else(|| panic!("{}", selection.reason));
    assert!(!first.encoder.family.is_hardware(), "{selection:?}");
    assert!(selection.reason.contains(&format!("(v4l2h264enc) {failure}")), "{}", selection.reason);
    (failure, selection.reason)
}

#[test]
fn a_chip_that_works_is_chosen_over_software_and_software_takes_over() {
    let _turn = Turn::take(Mode::Good);
    let cache = Cache::new("good");
    let capabilities = cache.probe(false);
    assert_eq!(order(&capabilities)[0], "v4l2h264enc", "{capabilities}");
    assert!(capabilities.selection.reason.starts_with("The chip's own encoder (v4l2h264enc) does the work"));
    let next = capabilities.selection.after("v4l2h264enc").unwrap();
    assert!(!next.encoder.family.is_hardware());
    let Verdict::Good(measured) = &capabilities.trials[0].verdict else { panic!("{capabilities}") };
    assert_eq!((measured.sps.level, measured.sps.profile_name()), (Level(30), "constrained-baseline"));
    assert_eq!(measured.pictures, 90);

    let text = capabilities.to_string();
    assert!(text.contains("v4l2h264enc  good: constrained-baseline, level 3"), "{text}");
    let json = serde_json::to_string(&capabilities).unwrap();
    assert_eq!(serde_json::from_str::<Capabilities>(&json).unwrap(), capabilities);

    let second = cache.probe(false);
    assert!(second.cached && !capabilities.cached);
    assert_eq!((second.trials, second.selection), (capabilities.trials, capabilities.selection));
}

#[test]
fn software_encoders_are_good() {
    let _turn = Turn::take(Mode::Good);
    for Trial { encoder, verdict, rungs } in software() {
        let Verdict::Good(measured) = verdict else { panic!("{encoder}: {verdict:?}") };
        assert!(measured.key_frame_after <= 3 && measured.sps.level >= Level(30), "{encoder}: {measured:?}");
        assert!(!rungs.is_empty() && rungs.iter().all(|rung| rung.fps > 0), "{encoder}: {rungs:?}");
    }
}

#[test]
fn a_chip_that_stops_after_the_first_picture_is_not_used() {
    let (failure, reason) = fails(Mode::StopsAfter(1), &impatient());
    assert_eq!(failure, Failure::Stalled { after: 1 });
    assert!(reason.contains("because the chip's own encoder (v4l2h264enc) stopped after 1 picture"), "{reason}");
}

#[test]
fn a_chip_whose_pictures_say_a_level_they_exceed_is_not_used() {
    let (failure, _) = fails(Mode::SaysWrongLevel, &limits());
    assert_eq!(failure, Failure::LevelTooLow { says: Level(10), needs: Level(30) });
}

#[test]
fn a_chip_that_ignores_requests_for_key_frames_is_not_used() {
    assert_eq!(fails(Mode::IgnoresKeyFrameRequests, &limits()).0, Failure::NoForcedKeyFrame);
}

#[test]
fn a_chip_that_does_not_keep_its_bit_rate_is_not_used() {
    let (failure, _) = fails(Mode::TriplesTheBitrate, &limits());
    let Failure::BitrateOff { asked: 1_000_000, got } = failure else { panic!("{failure}") };
    assert!(got > 2_000_000, "{got}");
}

#[test]
fn a_chip_that_does_not_begin_with_a_key_frame_is_not_used() {
    assert_eq!(fails(Mode::BeginsInTheMiddle, &limits()).0, Failure::NoKeyFrameFirst);
}

#[test]
fn a_chip_that_is_registered_but_does_not_start_is_not_used() {
    let (failure, _) = fails(Mode::FailsToStart, &limits());
    let Failure::Refused { why } = &failure else { panic!("{failure}") };
    assert!(why.contains("/dev/video11"), "{why}");
}

#[test]
fn a_chip_that_does_not_come_to_an_end_is_not_used() {
    let (failure, _) = fails(Mode::NeverEnds, &impatient());
    assert_eq!(failure, Failure::NoEnd);
}

#[test]
fn a_chip_that_hangs_when_it_is_started_or_stopped_is_left_behind() {
    let began = Instant::now();
    assert_eq!(fails(Mode::HangsAtStart, &Limits { start: SOON, whole: SOON, ..impatient() }).0, Failure::NoAnswer);
    let (failure, _) = fails(Mode::HangsAtStop, &impatient());
    assert_eq!(failure, Failure::NotReleased);
    assert!(began.elapsed() < Duration::from_secs(60), "nobody waited for what hangs");
}

/// How many pictures come before the watchdog says that the encoder has stopped. `None`: it lets it work for two seconds.
fn until_it_stalls(format: Format) -> Option<u32> {
    use gstreamer as gst;
    use gstreamer::prelude::*;

    let stage = hardware().build(&Settings::new(format)).unwrap();
    let pipeline = gst::Pipeline::new();
    let Format { width, height, fps, .. } = format;
    let caps = format!("video/x-raw,format=I420,width={width},height={height},framerate={fps}/1");
    let source = format!("videotestsrc is-live=true num-buffers=60 ! capsfilter caps=\"{caps}\"");
    let source = gst::parse::bin_from_description(&source, true);
    let source = source.expect("videotestsrc is missing: apt install gstreamer1.0-plugins-base");
    let sink = gst::ElementFactory::make("fakesink").property("async", false).build().unwrap();
    pipeline.add_many([source.upcast_ref(), stage.bin().upcast_ref(), &sink]).unwrap();
    gst::Element::link_many([source.upcast_ref(), stage.bin().upcast_ref(), &sink]).unwrap();
    let (events, seen) = std::sync::mpsc::channel();
    for (pad, is_output) in [("sink", false), ("src", true)] {
        let events = events.clone();
        let pad = stage.bin().static_pad(pad).unwrap();
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            let ends = info.event().is_some_and(|event| event.type_() == gst::EventType::Eos);
            if ends || info.buffer().is_some() {
                let _ = events.send((is_output, ends));
            }
            gst::PadProbeReturn::Ok
        });
    }
    pipeline.set_state(gst::State::Playing).unwrap();

    let (mut watchdog, mut came) = (Watchdog::default(), 0);
    let far = Duration::from_secs(60);
    let stalled = loop {
        let now = Instant::now();
        let wakeup = watchdog.next_wakeup().map_or(far, |at| at.saturating_duration_since(now));
        match seen.recv_timeout(wakeup) {
            Ok((true, true)) => break None,
            Ok((true, false)) => (came, _) = (came + 1, watchdog.on_output()),
            Ok((false, _)) => watchdog.on_input(Instant::now()),
            Err(_) => assert!(watchdog.next_wakeup().is_some(), "nothing at all happens"),
        }
        if watchdog.stalled(Instant::now()) {
            break Some(came);
        }
    };
    pipeline.set_state(gst::State::Null).unwrap();
    stalled
}

#[test]
fn the_watchdog_notices_a_chip_that_stops_in_mid_work() {
    let turn = Turn::take(Mode::StopsAfter(1));
    assert_eq!(until_it_stalls(TRIAL), Some(1));
    turn.change(Mode::Good);
    assert_eq!(until_it_stalls(TRIAL), None);
}

/// The stand-in gives nothing without a level and one picture if it is below 3: so the level that is set reaches the encoder.
#[test]
fn the_level_reaches_the_chip() {
    let _turn = Turn::take(Mode::Good);
    let small = Format { width: 320, height: 240, fps: 30, bitrate: 700_000 };
    assert_eq!(Settings::new(small).level().unwrap(), Level(13));
    assert_eq!(until_it_stalls(small), Some(1));
}

#[test]
fn the_controls_of_a_driver_are_set_and_its_bit_rate_changes_at_work() {
    use gstreamer::prelude::*;

    let _turn = Turn::take(Mode::Good);
    let settings = Settings { profile: Profile::High, ..Settings::new(TRIAL) };
    let stage = hardware().build(&settings).unwrap();
    let element = stage.bin().children().into_iter().find(|child| child.has_property("extra-controls")).unwrap();
    let control = |name: &str| element.property::<gstreamer::Structure>("extra-controls").get::<i32>(name).unwrap();
    assert_eq!((control("video_bitrate"), control("video_bitrate_mode")), (1_000_000, 1));
    assert_eq!((control("h264_i_frame_period"), control("repeat_sequence_header")), (60, 1));
    stage.set_bitrate(400_000).unwrap();
    assert_eq!(control("video_bitrate"), 400_000);
}

#[test]
fn a_chip_that_has_hung_is_not_tried_again_until_somebody_says_so() {
    let turn = Turn::take(Mode::StopsAfter(1));
    let cache = Cache::new("hung");
    let failed = cache.probe(false);
    assert_eq!(failed.trials[0].verdict, Verdict::Failed(Failure::Stalled { after: 1 }));
    assert!(failed.to_string().contains("v4l2h264enc  not used: it stopped after 1 picture"), "{failed}");
    turn.change(Mode::Good);
    assert!(cache.probe(false).cached, "it would be good now, but it is not tried");
    let good = cache.probe(true);
    assert_eq!(order(&good)[0], "v4l2h264enc", "{good}");

    // It stops in mid-work: the next recording begins without it.
    let first: Choice = good.selection.first().unwrap().clone();
    good.remember_stall(&cache.0, &first);
    let after = cache.probe(false);
    assert_eq!(after.trials[0].verdict, Verdict::Skipped(Failure::StalledInWork));
    assert!(!order(&after).contains(&"v4l2h264enc") && after.cached, "{after}");
    assert!(after.selection.reason.contains("when it was used before, and nothing has changed since"), "{after}");

    // Software that stalls was held up by something else.
    let software = after.selection.first().unwrap().clone();
    after.remember_stall(&cache.0, &software);
    assert_eq!(cache.probe(false).selection, after.selection);
}
