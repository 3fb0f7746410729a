//! A key frame ahead of need: who has somebody on stage will switch to the new dominant speaker in a moment.

use std::time::{Duration, Instant};

use jitsi_wire::bridge_channel::VideoType;
use jitsi_wire::jingle::MediaKind;

use super::Conference;
use crate::core::allocate::Candidate;
use crate::core::endpoint::Endpoint;
use crate::core::turn::Turn;

/// Between the receivers' new constraints and the key frame.
const MARGIN: Duration = Duration::from_millis(10);

impl Conference {
    /// Plans to ask the endpoint at `place`, which has become dominant: so that the key frame comes just after the constraints of
    /// the slowest receiver, and only if anybody shows a camera on stage.
    pub(super) fn plan_key_frame(&mut self, now: Instant, place: usize) {
        if self.len() <= 2 || !self.anybody_watches_a_stage(place) {
            return;
        }
        let Some(dominant) = self.get(place) else {
            return;
        };
        let sender = dominant.round_trip().unwrap_or_default();
        let receivers = self.endpoints().filter(|(other, _)| *other != place);
        let slowest = receivers.filter_map(|(_, receiver)| receiver.round_trip()).max().unwrap_or_default();
        let at = now + slowest.saturating_sub(sender) + MARGIN;
        self.key_frame_ahead = Some((at, dominant.handle.generation));
    }

    pub(super) fn ask_ahead(&mut self, turn: &mut Turn<'_>, generation: u64) {
        let found = self.endpoints().find(|(_, endpoint)| endpoint.handle.generation == generation);
        let source = found.and_then(|(place, endpoint)| {
            let source =
                endpoint.sources.iter().position(|source| source.kind == MediaKind::Video && source.is_enabled())?;
            Some((place, source))
        });
        if let Some((place, source)) = source {
            let asked = self.want_key_frame(turn, place, source, u8::MAX);
            turn.counters.totals.key_frames_ahead += u64::from(asked);
        }
    }

    fn anybody_watches_a_stage(&self, dominant: usize) -> bool {
        let cameras: Vec<Candidate<'_>> = self.endpoints().flat_map(|(_, owner)| cameras(owner)).collect();
        let watches = |endpoint: &Endpoint| cameras.iter().any(|camera| endpoint.settings.shows_on_stage(camera));
        self.endpoints().any(|(place, endpoint)| place != dominant && watches(endpoint))
    }
}

fn cameras(owner: &Endpoint) -> impl Iterator<Item = Candidate<'_>> {
    let cameras = owner.sources.iter().filter(|s| s.kind == MediaKind::Video && s.video_type == VideoType::Camera);
    cameras.map(|source| Candidate { name: &source.name, owner: &owner.id, enabled: true })
}
