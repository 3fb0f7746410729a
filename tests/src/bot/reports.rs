//! Report blocks, by which both ends time the way there and back (RFC 3550 6.4.1).

use rtc_rtcp::reception_report::ReceptionReport;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Blocks that one report has room for.
const MAX_BLOCKS: usize = 31;
const BLOCK: usize = 24;

#[derive(Debug, Default)]
pub struct Reports {
    /// NTP time of the newest sender report of each stream, and when it came.
    heard: BTreeMap<u32, (u64, Instant)>,
    /// As libwebrtc, the newest one.
    pub rtt: Option<Duration>,
}

impl Reports {
    pub fn on_sender_report(&mut self, now: Instant, ssrc: u32, ntp: u64) {
        self.heard.insert(ssrc, (ntp, now));
    }

    /// What the other end says of what we send; `ntp` is our time now.
    pub fn on_blocks(&mut self, ntp: u64, blocks: &[u8]) {
        let word = |block: &[u8], at: usize| u32::from_be_bytes(block[at..at + 4].try_into().expect("word"));
        for block in blocks.chunks_exact(BLOCK) {
            let (last, delay) = (word(block, 16), word(block, 20));
            if last != 0 {
                let round_trip = middle(ntp).wrapping_sub(last).wrapping_sub(delay);
                self.rtt = Some(Duration::from_secs_f64(f64::from(round_trip) / 65_536.0));
            }
        }
    }

    /// What we say of what comes in.
    pub fn blocks(&self, now: Instant) -> Vec<ReceptionReport> {
        let block = |(ssrc, (ntp, at)): (&u32, &(u64, Instant))| ReceptionReport {
            ssrc: *ssrc,
            last_sender_report: middle(*ntp),
            delay: ((now - *at).as_secs_f64() * 65_536.0) as u32,
            ..ReceptionReport::default()
        };
        let mut newest: Vec<_> = self.heard.iter().collect();
        newest.sort_by_key(|(_, (_, at))| std::cmp::Reverse(*at));
        newest.into_iter().take(MAX_BLOCKS).map(block).collect()
    }
}

fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}
