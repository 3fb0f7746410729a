//! What nobody can do without: receive, decrypt, encrypt for each receiver, send. Keys are handed over, nothing is negotiated, nothing
//! is remembered, and a train goes to each receiver as one (segmentation offload).

use super::client::Client;
use super::media::{Kind, Track};
use super::scene::People;
use super::session::{Opened, Start, idle};
use crate::bot::keys::Srtp;
use crate::measure::Server;
use anyhow::{Context, Result, anyhow};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};
use rtc_crypto::BlockCipherAlgorithm;
use rtc_srtp::context::Context as SrtpContext;
use rtc_srtp::protection_profile::ProtectionProfile::AeadAes128Gcm;
use serde::{Deserialize, Serialize};
use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

const ADDRESS: &str = "127.0.0.1:10100";
const SSRC: u32 = 1101;
const SLOT: usize = 2048;
const BATCH: usize = 32;
const TAG: usize = 16;
/// Fixed part of an RTP header.
const HEADER: usize = 12;

/// What one side of a connection would have agreed on.
#[derive(Clone, Serialize, Deserialize)]
struct Keys {
    key: [u8; 16],
    salt: [u8; 12],
}

/// What the process is told.
#[derive(Serialize, Deserialize)]
struct Setup {
    publisher: Keys,
    receivers: Vec<(SocketAddrV4, Keys)>,
}

pub(super) async fn open(start: Start<'_>, people: People) -> Result<Opened> {
    let remote: SocketAddr = ADDRESS.parse()?;
    let (mut clients, mut receivers) = (Vec::new(), Vec::new());
    let publisher = Keys::numbered(0);
    for number in 0..people.count() {
        let keys = Keys::numbered(u8::try_from(number)?);
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let SocketAddr::V4(addr) = socket.local_addr()? else { return Err(anyhow!("an IPv4 address")) };
        let mut tracks = Vec::new();
        match number {
            0 => tracks.push(Track::new(SSRC, Kind::Video(0))),
            _ => receivers.push((addr, keys.clone())),
        }
        clients.push(Client::with_keys(socket, remote, keys.srtp()?, tracks)?);
    }
    let setup = start.folder.join("setup.json");
    fs::write(&setup, serde_json::to_vec(&Setup { publisher, receivers })?)?;
    let mut command = Command::new(env::current_exe()?);
    let server = start.places.start(|| Server::spawn(command.arg("floor").arg(&setup)))??;
    let idle = idle(&server).await?;
    Ok((server, idle, clients, Box::new(())))
}

impl Keys {
    fn numbered(number: u8) -> Self {
        Self { key: [number; 16], salt: [number ^ 0xff; 12] }
    }

    /// The same keys both ways: each is used in one direction only.
    fn srtp(&self) -> Result<Srtp> {
        let provider = rtc_crypto::default_provider()?;
        let context =
            || SrtpContext::new(&self.key, &self.salt, AeadAes128Gcm, None, None, provider.crypto()).context("keys");
        Ok(Srtp { local: context()?, remote: context()? })
    }
}

/// The process itself; never returns but with an error.
pub fn run(setup: &Path) -> Result<()> {
    let setup: Setup = serde_json::from_slice(&fs::read(setup)?)?;
    let socket = UdpSocket::bind(ADDRESS)?;
    let mut floor = Floor::new(&setup)?;
    loop {
        floor.turn(&socket)?;
    }
}

struct Floor {
    publisher: Session,
    receivers: Vec<Session>,
    addresses: Vec<Option<SockaddrIn>>,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    inbox: MultiHeaders<SockaddrIn>,
    singles: MultiHeaders<SockaddrIn>,
    trains: MultiHeaders<SockaddrIn>,
}

impl Floor {
    fn new(setup: &Setup) -> Result<Self> {
        let count = setup.receivers.len();
        Ok(Self {
            publisher: Session::derive(&setup.publisher)?,
            receivers: setup.receivers.iter().map(|(_, keys)| Session::derive(keys)).collect::<Result<_>>()?,
            addresses: setup.receivers.iter().map(|(addr, _)| Some(SockaddrIn::from(*addr))).collect(),
            incoming: vec![0; BATCH * SLOT],
            outgoing: vec![0; count * BATCH * SLOT],
            inbox: MultiHeaders::preallocate(BATCH, None),
            singles: MultiHeaders::preallocate(count, None),
            trains: MultiHeaders::preallocate(count, Some(nix::cmsg_space!(u16))),
        })
    }

    /// Takes what has come, and sends it to everybody.
    fn turn(&mut self, socket: &UdpSocket) -> Result<()> {
        let (count, len) = self.receive(socket)?;
        for packet in self.incoming.chunks_exact_mut(SLOT).take(count) {
            self.publisher.open(&mut packet[..len])?;
        }
        let mut rest = self.outgoing.as_mut_slice();
        let mut slices = Vec::with_capacity(self.receivers.len());
        for receiver in &self.receivers {
            let (train, after) = rest.split_at_mut(count * len);
            rest = after;
            for (sealed, plain) in train.chunks_exact_mut(len).zip(self.incoming.chunks_exact(SLOT)) {
                sealed.copy_from_slice(&plain[..len]);
                receiver.seal(sealed)?;
            }
            slices.push([IoSlice::new(train)]);
        }
        let (fd, flags, segment) = (socket.as_raw_fd(), MsgFlags::empty(), u16::try_from(len)?);
        if count == 1 {
            sendmmsg(fd, &mut self.singles, &slices, &self.addresses, [], flags)?;
        } else {
            let segments = [ControlMessage::UdpGsoSegments(&segment)];
            sendmmsg(fd, &mut self.trains, &slices, &self.addresses, segments, flags)?;
        }
        Ok(())
    }

    /// Waits for packets: how many there are, and of what size. All of a load have the same.
    fn receive(&mut self, socket: &UdpSocket) -> Result<(usize, usize)> {
        let mut slots: Vec<_> = self.incoming.chunks_exact_mut(SLOT).map(|slot| [IoSliceMut::new(slot)]).collect();
        let flags = MsgFlags::MSG_WAITFORONE;
        let received = recvmmsg(socket.as_raw_fd(), &mut self.inbox, slots.iter_mut(), flags, None)?;
        Ok(received.fold((0, 0), |(count, _), message| (count + 1, message.bytes)))
    }
}

/// Session keys of one direction.
struct Session {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Session {
    /// RFC 3711, 4.3.1: AES in counter mode over the salt, masked by a label; 0 is for the key and 2 for the salt.
    fn derive(keys: &Keys) -> Result<Self> {
        let provider = rtc_crypto::default_provider()?;
        let block = |label: u8| -> Result<[u8; 16]> {
            let mut block = [0; 16];
            block[..12].copy_from_slice(&keys.salt);
            block[7] ^= label;
            provider.crypto().block_encrypt(BlockCipherAlgorithm::Aes128, &keys.key, &mut block)?;
            Ok(block)
        };
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &block(0)?)?);
        Ok(Self { key, salt: *block(2)?.first_chunk().context("a salt")? })
    }

    /// RFC 7714, 8.1; no sequence number wraps in so short a time.
    fn nonce(&self, packet: &[u8]) -> Nonce {
        let mut nonce = self.salt;
        for (masked, byte) in nonce[2..6].iter_mut().zip(&packet[8..12]) {
            *masked ^= byte;
        }
        for (masked, byte) in nonce[10..12].iter_mut().zip(&packet[2..4]) {
            *masked ^= byte;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    fn open(&self, packet: &mut [u8]) -> Result<()> {
        let nonce = self.nonce(packet);
        let (header, payload) = packet.split_at_mut(header(packet));
        self.key.open_in_place(nonce, Aad::from(header), payload)?;
        Ok(())
    }

    /// The last bytes are room for the tag.
    fn seal(&self, packet: &mut [u8]) -> Result<()> {
        let nonce = self.nonce(packet);
        let (header, rest) = packet.split_at_mut(header(packet));
        let (payload, room) = rest.split_at_mut(rest.len() - TAG);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(header), payload)?;
        room.copy_from_slice(tag.as_ref());
        Ok(())
    }
}

/// Bytes that stay in the clear: the header and its extensions. There are no contributing sources.
fn header(packet: &[u8]) -> usize {
    let words = u16::from_be_bytes([packet[HEADER + 2], packet[HEADER + 3]]);
    HEADER + 4 + 4 * usize::from(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::scene::Shape;
    use rtc_shared::marshal::Marshal;
    use std::time::Instant;

    #[test]
    fn every_receiver_can_read_what_the_publisher_sealed() {
        let (publisher, receiver) = (Keys::numbered(0), Keys::numbered(1));
        let mut track = Track::new(SSRC, Kind::Video(0));
        track.begin(Shape::Singles, Instant::now());
        let packet = track.burst(5, &mut 0).pop().unwrap();
        let plain = packet.marshal().unwrap();
        let mut sealed = publisher.srtp().unwrap().local.encrypt_rtp(&plain).unwrap();
        Session::derive(&publisher).unwrap().open(&mut sealed).unwrap();
        assert_eq!(sealed[..plain.len()], plain);
        Session::derive(&receiver).unwrap().seal(&mut sealed).unwrap();
        assert_eq!(receiver.srtp().unwrap().remote.decrypt_rtp(&sealed).unwrap(), plain);
    }

    #[test]
    fn a_train_comes_to_each_receiver() {
        let receivers = [1, 2].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
        let keyed = receivers.iter().zip(1..).map(|(socket, number)| {
            let SocketAddr::V4(addr) = socket.local_addr().unwrap() else { panic!("IPv4") };
            (addr, Keys::numbered(number))
        });
        let setup = Setup { publisher: Keys::numbered(0), receivers: keyed.collect() };
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut sender = setup.publisher.srtp().unwrap();
        let mut track = Track::new(SSRC, Kind::Video(0));
        track.begin(Shape::Trains, Instant::now());
        let packets: Vec<_> = track.burst(5, &mut 0).iter().map(|packet| packet.marshal().unwrap()).collect();
        for packet in &packets {
            let sealed = sender.local.encrypt_rtp(packet).unwrap();
            receivers[0].send_to(&sealed, socket.local_addr().unwrap()).unwrap();
        }
        Floor::new(&setup).unwrap().turn(&socket).unwrap();
        for (receiver, (_, keys)) in receivers.iter().zip(&setup.receivers) {
            let mut srtp = keys.srtp().unwrap();
            for packet in &packets {
                let mut datagram = [0; SLOT];
                let len = receiver.recv(&mut datagram).unwrap();
                assert_eq!(srtp.remote.decrypt_rtp(&datagram[..len]).unwrap(), *packet);
            }
        }
    }
}
