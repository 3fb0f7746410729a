//! Everybody in all conferences, for people who look for a cause.

use bridge::core::allocate::Layer;
use bridge::core::stats::{ConferenceReport, EncodingReport, EndpointReport};
use serde_json::{Map, Value, json};

pub(super) fn conferences(all: &[ConferenceReport]) -> Value {
    let one = |conference: &ConferenceReport| {
        let endpoints: Map<String, Value> =
            conference.endpoints.iter().map(|one| (one.id.clone(), endpoint(one))).collect();
        (conference.id.clone(), json!({ "meeting_id": conference.meeting_id, "endpoints": endpoints }))
    };
    json!({ "conferences": all.iter().map(one).collect::<Map<_, _>>() })
}

fn endpoint(one: &EndpointReport) -> Value {
    let layer =
        |layer: &Layer| json!({ "encoding": layer.encoding, "spatial": layer.spatial, "temporal": layer.temporal });
    let receives = one.receives.iter().map(|(name, one)| (name.clone(), layer(one)));
    let encodings = |all: &[EncodingReport]| -> Value {
        all.iter().map(|e| json!({ "encoding": e.encoding, "height": e.height, "bps": e.bps })).collect()
    };
    let sends = one.sends.iter().map(|(name, all)| (name.clone(), encodings(all)));
    json!({
        "active": one.active,
        "rtt_ms": one.round_trip.map(|rtt| rtt.as_secs_f64() * 1000.0),
        "estimated_bps": one.estimated_bps,
        "wanted_bps": one.wanted_bps,
        "outgoing_loss": one.outgoing_loss,
        "incoming_loss": one.incoming_loss,
        "packets_sent": one.datagrams_out,
        "bytes_sent": one.bytes_out,
        "discarded": one.discarded,
        "receives": receives.collect::<Map<_, _>>(),
        "sends": sends.collect::<Map<_, _>>(),
    })
}
