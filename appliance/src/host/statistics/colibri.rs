//! `/colibri/stats`: the names of Jitsi Videobridge, which monitoring packs for it poll.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::Figures;
use crate::dates;

/// One flat object. What is of relays and visitors is nought: there are none here.
pub(super) fn stats(figures: &Figures) -> Value {
    let (stats, gauges, load) = (&figures.bridge.bridge, &figures.bridge.gauges, &figures.load);
    let totals = &stats.totals;
    let mut all = json!({
        "current_timestamp": timestamp(SystemTime::now()),
        "version": figures.version,
        "healthy": true,
        "drain": gauges.draining,
        "graceful_shutdown": false,
        "shutting_down": false,
        "stress_level": load.stress,
        "conferences": stats.conferences,
        "endpoints": stats.endpoints,
        "participants": stats.endpoints,
        "local_endpoints": stats.endpoints,
        "local_active_endpoints": gauges.active,
        "inactive_endpoints": gauges.inactive,
        "receive_only_endpoints": gauges.receive_only,
        "endpoints_sending_audio": gauges.sending_audio,
        "endpoints_sending_video": gauges.sending_video,
        "endpoints_with_high_outgoing_loss": gauges.lossy,
        "endpoints_with_suspended_sources": gauges.suspended,
        "inactive_conferences": gauges.idle_conferences,
        "p2p_conferences": gauges.pairs,
        "largest_conference": gauges.largest_conference,
        "bit_rate_download": load.bits_in / 1000.0,
        "bit_rate_upload": load.bits_out / 1000.0,
        "packet_rate_download": load.packets_in,
        "packet_rate_upload": load.packets_out,
        "incoming_loss": gauges.incoming_loss,
        "outgoing_loss": gauges.outgoing_loss,
        "overall_loss": (gauges.incoming_loss + gauges.outgoing_loss) / 2.0,
        "rtt_aggregate": gauges.round_trip.map_or(0.0, |rtt| rtt.as_secs_f64() * 1000.0),
        "total_conferences_created": totals.conferences_created,
        "total_conferences_completed": totals.conferences_completed,
        "total_conference_seconds": totals.conference_seconds,
        "total_participants": totals.endpoints_created,
        "total_bytes_received": stats.bytes_in,
        "total_bytes_sent": stats.bytes_out,
        "total_packets_received": stats.datagrams_in,
        "total_packets_sent": stats.datagrams_out,
    });
    let more = json!({
        "total_ice_succeeded": totals.ice_succeeded,
        "total_ice_failed": totals.ice_failed,
        "endpoints_ice_failed": totals.ice_failed,
        "dtls_failed_endpoints": totals.dtls_failed,
        "num_eps_no_msg_transport_after_delay": totals.silent_channels,
        "total_data_channel_messages_received": totals.data_channel_received,
        "total_data_channel_messages_sent": totals.data_channel_sent,
        "total_colibri_web_socket_messages_received": totals.websocket_received,
        "total_colibri_web_socket_messages_sent": totals.websocket_sent,
        "total_dominant_speaker_changes": totals.dominant_speaker_changes,
        "preemptive_kfr_sent": totals.key_frames_ahead,
        "total_keyframes_received": totals.key_frames_received,
        "total_layering_changes_received": totals.layering_changes,
        "endpoints_disconnected": totals.disconnected,
        "endpoints_reconnected": totals.reconnected,
        "octo_conferences": 0,
        "octo_endpoints": 0,
        "total_relays": 0,
        "total_visitors": 0,
        "visitors": 0,
    });
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    all
}

/// UTC, as `yyyy-MM-dd HH:mm:ss.SSS`.
fn timestamp(now: SystemTime) -> String {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:03}", dates::second(since.as_secs()), since.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn checklist_111_numbers_have_the_names_of_jitsi_videobridge() {
        let mut figures = Figures {
            bridge: bridge::shell::mailbox::Report::default(),
            signal: signal::router::Stats::default(),
            load: super::super::Load::default(),
            uptime: Duration::ZERO,
            memory_bytes: 0,
            version: "1.2.3".to_owned(),
        };
        figures.bridge.bridge.endpoints = 3;
        figures.bridge.bridge.totals.dominant_speaker_changes = 7;
        figures.load.bits_out = 12_000.0;
        let stats = stats(&figures);
        assert_eq!((&stats["participants"], &stats["total_dominant_speaker_changes"]), (&json!(3), &json!(7)));
        assert_eq!((&stats["bit_rate_upload"], &stats["healthy"]), (&json!(12.0), &json!(true)));
        assert_eq!(stats["stress_level"], json!(0.0));
        assert!(
            stats.as_object().unwrap().values().all(|value| !value.is_object() && !value.is_null()),
            "flat: {stats}"
        );
    }

    #[test]
    fn the_time_is_that_of_jitsi_videobridge() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_860_000_042);
        let text = timestamp(at);
        assert!(text.starts_with("2026-11-28 ") && text.ends_with(".042"), "{text}");
    }
}
