//! What a participant says in SCTP once its association is there.

use super::datagrams;
use bridge::core::endpoint::sctp::{MAX_QUEUED, Sctp, SctpOutput};
use std::time::{Duration, Instant};

const HEADER: usize = 12;
const INIT: u8 = 1;
const COOKIE_ECHO: u8 = 10;
const COOKIE_ACK: u8 = 11;
const STATE_COOKIE: u16 = 7;
/// Of an INIT and its answer, before what is optional (RFC 9260, 3.3.2).
const FIXED: usize = 16;

/// Chunks of packets of a participant, whose tags and checksums are as they have to be.
pub(super) fn sctp(data: &[u8]) {
    let now = Instant::now();
    let mut sctp = Sctp::default();
    let init = chunk(INIT, &[0, 0, 0, 9, 0, 1, 0, 0, 0, 16, 0, 16, 0, 0, 0, 1]);
    let answer = say(&mut sctp, now, &packet([0; 4], &init)).concat();
    let tag = *answer.get(HEADER + 4..).and_then(<[u8]>::first_chunk).expect("an answer to INIT");
    let cookie = cookie(answer.get(HEADER + 4 + FIXED..).unwrap_or_default()).expect("a cookie");
    let answers = say(&mut sctp, now, &packet(tag, &chunk(COOKIE_ECHO, cookie)));
    assert!(answers.iter().any(|answer| answer.get(HEADER) == Some(&COOKIE_ACK)), "an association");
    for chunks in datagrams(data) {
        say(&mut sctp, now, &packet(tag, chunks));
    }
    sctp.on_wakeup(now + Duration::from_secs(3));
    assert!(sctp.queued() <= MAX_QUEUED);
}

/// What is sent in answer.
fn say(sctp: &mut Sctp, now: Instant, packet: &[u8]) -> Vec<Vec<u8>> {
    sctp.handle(now, packet);
    let mut answers = Vec::new();
    while let Some(output) = sctp.poll() {
        if let SctpOutput::Transmit(packet) = output {
            answers.push(packet.to_vec());
        }
    }
    answers
}

fn chunk(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX).to_be_bytes();
    let mut chunk = [&[kind, 0][..], &length, value].concat();
    chunk.resize(chunk.len().next_multiple_of(4), 0);
    chunk
}

/// The state cookie among the parameters of an answer.
fn cookie(mut parameters: &[u8]) -> Option<&[u8]> {
    loop {
        let &[k0, k1, l0, l1] = parameters.first_chunk()?;
        let length = usize::from(u16::from_be_bytes([l0, l1])).max(4);
        if u16::from_be_bytes([k0, k1]) == STATE_COOKIE {
            return parameters.get(4..length);
        }
        parameters = parameters.get(length.next_multiple_of(4)..)?;
    }
}

fn packet(tag: [u8; 4], chunks: &[u8]) -> Vec<u8> {
    let ports = [5000_u16.to_be_bytes(), 5000_u16.to_be_bytes()].concat();
    let mut packet = [&ports, &tag[..], &[0; 4], chunks].concat();
    let checksum = crc32c(&packet).to_le_bytes();
    packet.splice(8..12, checksum);
    packet
}

/// RFC 9260, appendix A, bit by bit.
fn crc32c(data: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !data.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}
