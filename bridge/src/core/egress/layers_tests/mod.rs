//! Random changes of what a receiver is to be sent, against a model of the receiver.

mod decoder;
mod encoder;

use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use self::decoder::{Decoder, Got};
use self::encoder::{Encoder, Kind, SPATIAL, Sent};
use super::project::{Outgoing, Projection, Verdict};
use super::rewrite_ids;
use crate::core::allocate::Layer;
use crate::core::codec::dependency::Rewrite;
use crate::core::packet::Seq;

const FRAME: Duration = Duration::from_millis(33);
/// From the wish for a key frame to its first packet.
const KEY_FRAME_DELAY: usize = 4;
/// Pictures from a wish to the next that is heard.
const REQUEST_SPACING: usize = 10;
/// Pictures after which a layer that is wanted has come.
const SETTLED: usize = 60;
const KINDS: [Kind; 7] = [
    Kind::Vp8,
    Kind::Vp9 { key_svc: true, flexible: false },
    Kind::Vp9 { key_svc: true, flexible: true },
    Kind::Vp9 { key_svc: false, flexible: false },
    Kind::Vp9 { key_svc: false, flexible: true },
    Kind::Av1 { key_svc: true },
    Kind::Av1 { key_svc: false },
];

fn below(rng: &mut ChaCha8Rng, bound: u32) -> u32 {
    rng.next_u32() % bound
}

/// A camera, the projection of it towards one receiver, and that receiver.
struct Scene {
    kind: Kind,
    encoders: Vec<Encoder>,
    bases: Vec<u32>,
    projection: Projection,
    decoder: Decoder,
    start: Instant,
    step: usize,
    key_at: Option<usize>,
    asked: usize,
    /// Since when the target and what the sender sends are these.
    since: usize,
    /// Packets of frames that no decoder at the target asks for, since the target was reached.
    in_vain: usize,
    switches: usize,
    key_frames: usize,
}

impl Scene {
    fn new(kind: Kind, seed: u16) -> Self {
        let encodings = if kind == Kind::Vp8 { 3 } else { 1 };
        Self {
            kind,
            encoders: (0..encodings).map(|index| Encoder::new(kind, index, seed + 1000 * u16::from(index))).collect(),
            bases: (0..encodings).map(|index| u32::from(seed) * 77_777 + u32::from(index) * 1_000_000).collect(),
            projection: Projection::new(false, 90_000, Seq(seed)),
            decoder: Decoder::new(kind),
            start: Instant::now(),
            step: 0,
            key_at: Some(0),
            asked: 0,
            since: 0,
            in_vain: 0,
            switches: 0,
            key_frames: 0,
        }
    }

    fn now(&self) -> Instant {
        self.start + FRAME * self.step as u32
    }

    fn aim(&mut self, target: Option<Layer>) {
        self.switches += usize::from(target != self.projection.target());
        self.projection.set_target(target);
        self.since = self.step;
        if target.is_none() {
            self.decoder.pause();
        }
    }

    /// Somewhere in the layers that there are.
    fn any_layer(&self, rng: &mut ChaCha8Rng) -> Layer {
        let at = below(rng, 3) as u8;
        let (encoding, spatial) = if self.kind == Kind::Vp8 { (at, 0) } else { (0, at) };
        Layer { encoding, spatial, temporal: below(rng, 3) as u8 }
    }

    /// One picture of all encodings.
    fn picture(&mut self) {
        let is_key = self.key_at.is_some_and(|at| at <= self.step);
        if is_key {
            self.key_at = None;
            self.key_frames += 1;
        }
        for index in 0..self.encoders.len() {
            let timestamp = self.bases[index].wrapping_add(self.step as u32 * 2970);
            for sent in self.encoders[index].picture(timestamp, is_key) {
                self.packet(index, &sent);
            }
        }
        if self.projection.target().is_some() {
            self.decoder.still(self.now());
            self.judge_target();
        }
        self.step += 1;
    }

    fn packet(&mut self, index: usize, sent: &Sent) {
        let now = self.now();
        let verdict = self.projection.project(now, &sent.incoming, &[]);
        if self.projection.wanted_key_frame().is_some() && self.key_at.is_none() && self.step >= self.asked {
            self.key_at = Some(self.step + KEY_FRAME_DELAY);
            self.asked = self.step + REQUEST_SPACING;
        }
        let Verdict::Forward(outgoing) = verdict else {
            return;
        };
        assert_eq!(self.projection.again(&sent.incoming).map(as_sent_again), Some(as_sent_again(outgoing)));
        let mut payload = sent.payload.clone();
        rewrite_ids(self.kind.codec(), &mut payload, &outgoing).unwrap();
        let rewrite = Rewrite {
            frame_number: outgoing.frame_number.unwrap_or(0),
            template_shift: outgoing.template_shift,
            spatial: outgoing.layers.spatial,
            temporal: outgoing.layers.temporal,
            retargets: outgoing.retargets,
        };
        let frames = self.encoders[index].frames();
        let element = sent.element.as_ref().map(|element| rewrite.apply(element, frames).unwrap());
        if self.step > self.since + SETTLED && !sent.incoming.key_start {
            let target = self.projection.target().unwrap();
            let (spatial, temporal) = (sent.incoming.spatial.layer, sent.incoming.temporal);
            let has_target = target.spatial < self.encoders[0].layers;
            self.in_vain += usize::from(has_target && (spatial > target.spatial || temporal > target.temporal));
        }
        self.decoder.receive(
            now,
            &Got {
                sequence: outgoing.sequence.0,
                timestamp: outgoing.timestamp,
                marker: outgoing.marker,
                payload: &payload,
                element: element.as_deref(),
            },
        );
    }

    /// A target that stands for two seconds is what is shown.
    fn judge_target(&self) {
        let (Some(target), Some((spatial, _, id))) = (self.projection.target(), self.decoder.newest) else {
            return;
        };
        if self.step > self.since + SETTLED && self.key_at.is_none() {
            let highest = target.spatial.min(self.encoders[0].layers - 1);
            assert_eq!(spatial, highest, "step {}: {target:?}", self.step);
            let encoding = (id >> 32) / 1000 % 10;
            assert!(
                self.kind != Kind::Vp8 || encoding == u64::from(target.encoding),
                "{target:?}, and {encoding} is shown"
            );
        }
    }
}

/// The first packet of a run tells so only once.
fn as_sent_again(outgoing: Outgoing) -> Outgoing {
    Outgoing { switched: false, ..outgoing }
}

/// Changes at random times, most of them soon after each other, some with a pause.
fn wander(kind: Kind, seed: u16, pictures: usize) -> Scene {
    let mut rng = ChaCha8Rng::seed_from_u64(seed.into());
    let mut scene = Scene::new(kind, seed);
    let mut next = 0;
    while scene.step < pictures {
        if scene.step >= next {
            next = scene.step + [1, 3, 10, 40, 100][below(&mut rng, 5) as usize] + below(&mut rng, 7) as usize;
            let target = scene.any_layer(&mut rng);
            scene.aim(Some(target).filter(|_| below(&mut rng, 12) > 0));
        }
        if kind != Kind::Vp8 && below(&mut rng, 90) == 0 {
            let layers = 1 + below(&mut rng, u32::from(SPATIAL)) as u8;
            scene.since = scene.step;
            if scene.encoders[0].set_layers(layers) && scene.key_at.is_none() {
                scene.key_at = Some(scene.step);
            }
        }
        if below(&mut rng, 200) == 0 {
            scene.encoders.iter_mut().for_each(Encoder::restructure);
        }
        scene.picture();
    }
    scene
}

fn judge(scene: &Scene, what: &str) {
    assert!(scene.decoder.longest <= Duration::from_secs(1), "{what}: {:?} without a picture", scene.decoder.longest);
    assert!(scene.decoder.pictures > scene.step / 4, "{what}: {} of {} pictures", scene.decoder.pictures, scene.step);
    assert_eq!(scene.in_vain, 0, "{what}: packets that nobody needs");
}

#[test]
fn checklist_82_86_87_chapter_9_21_whatever_is_wanted_can_be_decoded_and_never_stands_still() {
    for kind in KINDS {
        let mut switches = 0;
        for seed in 1..=5 {
            let scene = wander(kind, seed, 2500);
            judge(&scene, &format!("{kind:?}, seed {seed}"));
            switches += scene.switches;
        }
        assert!(switches > 200, "{kind:?}: {switches} changes");
    }
}

#[test]
fn checklist_86_87_spatial_layers_go_up_and_down_within_a_key_frame() {
    for kind in KINDS.into_iter().skip(1) {
        let mut scene = Scene::new(kind, 5);
        for spatial in [2, 0, 1, 2, 1, 0, 2] {
            scene.aim(Some(Layer { encoding: 0, spatial, temporal: 2 }));
            let before = scene.key_frames;
            (0..100).for_each(|_| scene.picture());
            assert!(scene.key_frames <= before + 1, "{kind:?}: one key frame is enough");
            assert_eq!(scene.decoder.newest.unwrap().0, spatial, "{kind:?}");
        }
        judge(&scene, "up and down");
    }
}

#[test]
fn what_depends_on_all_below_goes_down_without_a_key_frame() {
    for kind in [Kind::Vp9 { key_svc: false, flexible: false }, Kind::Av1 { key_svc: false }] {
        let mut scene = Scene::new(kind, 5);
        for spatial in [2, 1, 0] {
            scene.aim(Some(Layer { encoding: 0, spatial, temporal: 2 }));
            (0..10).for_each(|_| scene.picture());
            assert_eq!((scene.decoder.newest.unwrap().0, scene.key_frames), (spatial, 1), "{kind:?}");
        }
    }
}

#[test]
fn a_layer_that_is_not_sent_any_more_is_replaced_before_long() {
    for kind in KINDS.into_iter().skip(1) {
        let mut scene = Scene::new(kind, 5);
        scene.aim(Some(Layer { encoding: 0, spatial: 2, temporal: 2 }));
        (0..50).for_each(|_| scene.picture());
        scene.encoders[0].set_layers(2);
        (0..100).for_each(|_| scene.picture());
        assert_eq!(scene.decoder.newest.unwrap().0, 1, "{kind:?}");
        judge(&scene, &format!("{kind:?}"));
    }
}

/// A place changes hands again and again: the receiver has one decoder for all of them.
#[test]
fn checklist_60_everything_runs_on_over_a_remap_template_ids_too() {
    for kind in KINDS {
        let mut scene = Scene::new(kind, 63);
        for remap in 0..40_u16 {
            scene.aim(Some(Layer { encoding: 0, spatial: u8::from(kind != Kind::Vp8), temporal: 2 }));
            (0..20).for_each(|_| scene.picture());
            let before = scene.decoder.newest.unwrap();
            let templates = matches!(kind, Kind::Av1 { .. }).then(|| scene.decoder.templates());
            let fresh = Scene::new(kind, 100 + remap * 13);
            (scene.encoders, scene.bases, scene.key_at) = (fresh.encoders, fresh.bases, None);
            scene.projection = Projection::resuming(false, 90_000, scene.projection.ended());
            scene.aim(Some(Layer::all_of(0)));
            // What is not the start of a key frame says nothing of the new stream.
            scene.encoders[0].picture(1, true);
            scene.picture();
            assert_eq!(scene.decoder.newest.unwrap(), before, "{kind:?}: the first packet starts a key frame");
            (0..20).for_each(|_| scene.picture());
            assert_ne!(scene.decoder.newest.unwrap().2 >> 32, before.2 >> 32);
            if let Some((offset, count)) = templates {
                assert_eq!(scene.decoder.templates(), ((offset + count) % 64, count));
            }
        }
        judge(&scene, &format!("{kind:?}"));
    }
}
