//! `/metrics`: Prometheus' text format 0.0.4. Units are in the names, and are seconds and bytes.

use std::fmt::{Display, Write};

use super::Figures;

pub(super) const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All numbers of the host.
pub(super) fn text(figures: &Figures) -> String {
    let mut page = Page::default();
    host(&mut page, figures);
    people(&mut page, figures);
    traffic(&mut page, figures);
    quality(&mut page, figures);
    page.0
}

fn host(page: &mut Page, figures: &Figures) {
    let load = &figures.load;
    page.labelled("moothall_info", "The running version.", &[("version", &figures.version)]);
    page.gauge("moothall_uptime_seconds", "Since the host started.", figures.uptime.as_secs());
    page.gauge("moothall_resident_memory_bytes", "Memory of the host.", figures.memory_bytes);
    page.gauge(
        "moothall_processor_ratio",
        "Processor time by time, of one processor, over some seconds.",
        load.processor,
    );
    let draining = u8::from(figures.bridge.gauges.draining);
    page.gauge("moothall_draining", "1 while no new conferences are taken.", draining);
    page.gauge("moothall_stress_ratio", "Share of what the host can bear; it can be more than 1.", load.stress);
}

fn people(page: &mut Page, figures: &Figures) {
    let (stats, gauges, totals) = (&figures.bridge.bridge, &figures.bridge.gauges, &figures.bridge.bridge.totals);
    page.gauge("moothall_meetings", "Rooms with somebody in them.", figures.signal.meetings);
    page.gauge("moothall_rooms", "Rooms that are held, also those that everybody has just left.", figures.signal.rooms);
    page.gauge("moothall_occupants", "People in rooms.", figures.signal.occupants);
    page.gauge("moothall_sessions", "Clients that are connected.", figures.signal.sessions);
    page.gauge("moothall_conferences", "Conferences on the bridge.", stats.conferences);
    page.gauge("moothall_conferences_idle", "Conferences in which nobody sends anything.", gauges.idle_conferences);
    page.gauge("moothall_largest_conference", "Endpoints of the largest conference.", gauges.largest_conference);
    page.gauge("moothall_endpoints", "Endpoints on the bridge.", stats.endpoints);
    page.gauge("moothall_endpoints_active", "Endpoints with a recent sign of life.", gauges.active);
    page.gauge("moothall_endpoints_sending_audio", "Endpoints that send audio.", gauges.sending_audio);
    page.gauge("moothall_endpoints_sending_video", "Endpoints that send video.", gauges.sending_video);
    page.counter("moothall_conferences_created_total", "Conferences so far.", totals.conferences_created);
    page.counter("moothall_conference_seconds_total", "Lives of conferences that are over.", totals.conference_seconds);
    page.counter("moothall_endpoints_created_total", "Endpoints so far.", totals.endpoints_created);
    page.counter("moothall_speaker_changes_total", "Changes of the dominant speaker.", totals.dominant_speaker_changes);
}

fn traffic(page: &mut Page, figures: &Figures) {
    let (stats, shell, totals) = (&figures.bridge.bridge, &figures.bridge.shell, &figures.bridge.bridge.totals);
    page.counter("moothall_received_packets_total", "Datagrams that came.", stats.datagrams_in);
    page.counter("moothall_received_bytes_total", "Bytes that came.", stats.bytes_in);
    page.counter("moothall_sent_packets_total", "Datagrams that went.", stats.datagrams_out);
    page.counter("moothall_sent_bytes_total", "Bytes that went.", stats.bytes_out);
    page.counter("moothall_padding_bytes_total", "Of these, padding that probed paths.", stats.padding);
    page.counter("moothall_forwarded_packets_total", "Media packets that went to a receiver.", stats.forwarded);
    page.counter("moothall_retransmitted_packets_total", "Packets sent again.", stats.retransmitted);
    page.counter("moothall_strange_packets_total", "Datagrams from nowhere.", stats.strangers);
    page.counter("moothall_discarded_packets_total", "Packets that went no further.", stats.discarded);
    let dropped = shell.dropped_full + shell.dropped_behind;
    page.counter("moothall_dropped_packets_total", "Datagrams that the kernel or a worker had no room for.", dropped);
    page.counter("moothall_websocket_messages_received_total", "On bridge channels.", totals.websocket_received);
    page.counter("moothall_websocket_messages_sent_total", "On bridge channels.", totals.websocket_sent);
    page.counter("moothall_data_channel_messages_received_total", "On bridge channels.", totals.data_channel_received);
    page.counter("moothall_data_channel_messages_sent_total", "On bridge channels.", totals.data_channel_sent);
    page.gauge("moothall_kept_bytes", "Packets that could be sent again now.", stats.kept_bytes);
}

fn quality(page: &mut Page, figures: &Figures) {
    let (stats, gauges, totals) = (&figures.bridge.bridge, &figures.bridge.gauges, &figures.bridge.bridge.totals);
    let round_trip = gauges.round_trip.map_or(0.0, |rtt| rtt.as_secs_f64());
    page.gauge("moothall_round_trip_seconds", "Mean over all endpoints.", round_trip);
    page.gauge("moothall_incoming_loss_ratio", "Of what endpoints send, mean.", gauges.incoming_loss);
    page.gauge("moothall_outgoing_loss_ratio", "Of what endpoints are sent, mean.", gauges.outgoing_loss);
    page.gauge(
        "moothall_endpoints_lossy",
        "Endpoints that lose more than a tenth of what they are sent.",
        gauges.lossy,
    );
    page.gauge("moothall_endpoints_limited", "Endpoints that would get more if their path carried it.", stats.limited);
    page.gauge("moothall_endpoints_suspended", "Endpoints whose path carries no picture at all.", gauges.suspended);
    page.gauge(
        "moothall_estimated_bytes_per_second",
        "What all paths together are known to carry.",
        stats.estimated_bps / 8,
    );
    page.counter("moothall_ice_succeeded_total", "Endpoints that were connected.", totals.ice_succeeded);
    page.counter("moothall_ice_failed_total", "Endpoints that never were.", totals.ice_failed);
    page.counter("moothall_dtls_failed_total", "Endpoints whose keys could not be agreed on.", totals.dtls_failed);
    page.counter("moothall_silent_channels_total", "Endpoints without a bridge channel.", totals.silent_channels);
    page.counter("moothall_disconnected_total", "Endpoints that fell silent.", totals.disconnected);
    page.counter("moothall_reconnected_total", "Endpoints that came back.", totals.reconnected);
    page.counter("moothall_key_frames_received_total", "Key frames.", totals.key_frames_received);
    page.counter("moothall_key_frame_requests_total", "Key frames asked of senders.", stats.key_frame_requests);
    page.counter("moothall_layering_changes_total", "Encodings that senders began or ended.", totals.layering_changes);
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.metric(name, help, "gauge", &value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.metric(name, help, "counter", &value);
    }

    fn metric(&mut self, name: &str, help: &str, kind: &str, value: &dyn Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    }

    /// A gauge of 1 whose labels are what it says. Values have neither quotes nor backslashes.
    fn labelled(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) {
        let labels = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect::<Vec<_>>().join(",");
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge\n{name}{{{labels}}} 1");
    }
}
