//! Caps that stay as they are.

use std::sync::Mutex;

use gstreamer as gst;
use gstreamer::prelude::*;

/// `qtdemux` tells a new frame rate with each fragment, whose pictures have the times that they have. Decoders begin anew then, without
/// the pictures that others need, and muxers end: so nobody is told.
pub(super) fn keep_caps(pad: &gst::Pad) {
    let told = Mutex::new(None::<gst::Caps>);
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let Some(gst::EventView::Caps(event)) = info.event().map(|event| event.view()) else {
            return gst::PadProbeReturn::Ok;
        };
        let mut caps = event.caps_owned();
        for structure in caps.make_mut().iter_mut() {
            structure.remove_field("framerate");
        }
        let Ok(mut told) = told.lock() else { return gst::PadProbeReturn::Ok };
        if told.as_ref() == Some(&caps) {
            return gst::PadProbeReturn::Handled;
        }
        info.data = Some(gst::PadProbeData::Event(gst::event::Caps::new(&caps)));
        *told = Some(caps);
        gst::PadProbeReturn::Ok
    });
}
