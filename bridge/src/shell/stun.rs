//! Asks STUN servers for our public address over the media port itself, so that the answer is true for media (RFC 8489).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::core::{Path, Sink};

const MAGIC: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const HEADER: usize = 20;
/// Servers that are remembered at once; a configuration lists one or two.
const MAX_PENDING: usize = 16;

/// Requests that have no answer yet.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    pending: heapless::Vec<Pending, MAX_PENDING>,
    serial: u64,
}

#[derive(Debug)]
struct Pending {
    server: SocketAddr,
    transaction: [u8; 12],
}

impl Discovery {
    /// Sends a request to each server; answers to earlier ones no longer count.
    pub(super) fn ask(&mut self, servers: &[SocketAddr], secret: u32, sink: &mut dyn Sink) {
        self.pending.clear();
        for server in servers {
            self.serial = self.serial.wrapping_add(1);
            let transaction = transaction(secret, self.serial);
            if self.pending.push(Pending { server: *server, transaction }).is_ok() {
                send_request(*server, &transaction, sink);
            }
        }
    }

    /// The mapped address if the datagram is an answer that was waited for; anything else belongs to the core.
    pub(super) fn answer(&mut self, path: Path, datagram: &[u8]) -> Option<SocketAddr> {
        if self.pending.is_empty() || datagram.get(..2) != Some(&BINDING_SUCCESS) || datagram.get(4..8) != Some(&MAGIC)
        {
            return None;
        }
        let transaction = datagram.get(8..HEADER)?;
        let at = self.pending.iter().position(|p| p.server == path.remote && p.transaction == transaction)?;
        self.pending.swap_remove(at);
        mapped_address(datagram)
    }
}

/// Unique for the life of the worker; the secret part keeps strangers from guessing it.
fn transaction(secret: u32, serial: u64) -> [u8; 12] {
    let mut id = [0; 12];
    let parts = secret.to_be_bytes().into_iter().chain(serial.to_be_bytes());
    for (to, from) in id.iter_mut().zip(parts) {
        *to = from;
    }
    id
}

fn send_request(server: SocketAddr, transaction: &[u8; 12], sink: &mut dyn Sink) {
    let local = if server.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let request = BINDING_REQUEST.into_iter().chain([0, 0]).chain(MAGIC).chain(*transaction);
    let slot = sink.slot();
    if slot.len() >= HEADER {
        for (to, from) in slot.iter_mut().zip(request) {
            *to = from;
        }
        sink.commit(Path { local, remote: server }, HEADER);
    }
}

/// XOR-MAPPED-ADDRESS (RFC 8489 14.2).
fn mapped_address(message: &[u8]) -> Option<SocketAddr> {
    let mut rest = message.get(HEADER..)?;
    loop {
        let (head, tail) = rest.split_first_chunk::<4>()?;
        let [kind_high, kind_low, len_high, len_low] = *head;
        let len = usize::from(u16::from_be_bytes([len_high, len_low]));
        let value = tail.get(..len)?;
        if u16::from_be_bytes([kind_high, kind_low]) == XOR_MAPPED_ADDRESS {
            return decode_xor(value, message.get(4..HEADER)?);
        }
        rest = tail.get(len.next_multiple_of(4)..)?;
    }
}

/// `key` is magic cookie and transaction id.
fn decode_xor(value: &[u8], key: &[u8]) -> Option<SocketAddr> {
    let (head, address) = value.split_first_chunk::<4>()?;
    let [_, family, port_high, port_low] = *head;
    let port = u16::from_be_bytes([port_high, port_low]) ^ 0x2112;
    let mut plain = [0; 16];
    for ((to, from), key) in plain.iter_mut().zip(address).zip(key) {
        *to = from ^ key;
    }
    let ip = match (family, address.len()) {
        (1, 4) => IpAddr::V4(Ipv4Addr::from(*plain.first_chunk::<4>()?)),
        (2, 16) => IpAddr::V6(Ipv6Addr::from(plain)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Collect(Vec<(Path, Vec<u8>)>, Vec<u8>);

    impl Sink for Collect {
        fn slot(&mut self) -> &mut [u8] {
            self.1.resize(1500, 0);
            &mut self.1
        }
        fn commit(&mut self, path: Path, len: usize) {
            self.0.push((path, self.1[..len].to_vec()));
        }
    }

    fn server() -> SocketAddr {
        "192.0.2.53:3478".parse().unwrap()
    }

    fn path() -> Path {
        Path { local: "192.168.1.20".parse().unwrap(), remote: server() }
    }

    /// An answer with a SOFTWARE attribute before the address, padded as the RFC wants it.
    fn answer_to(request: &[u8], mapped: [u8; 8]) -> Vec<u8> {
        let mut answer = vec![1, 1, 0, 24];
        answer.extend(&request[4..20]);
        answer.extend([0x80, 0x22, 0, 5, b'h', b'e', b'l', b'l', b'o', 0, 0, 0]);
        answer.extend([0, 0x20, 0, 8]);
        answer.extend(mapped);
        answer
    }

    #[test]
    fn an_answer_gives_the_mapped_address_once() {
        let (mut discovery, mut sink) = (Discovery::default(), Collect::default());
        discovery.ask(&[server()], 7, &mut sink);
        let (to, request) = sink.0.remove(0);
        assert_eq!((to.remote, request.len()), (server(), 20));
        // 192.0.2.1:32853, as in RFC 5769 2.2.
        let answer = answer_to(&request, [0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        assert_eq!(discovery.answer(path(), &answer), Some("192.0.2.1:32853".parse().unwrap()));
        assert_eq!(discovery.answer(path(), &answer), None);
    }

    #[test]
    fn answers_of_strangers_do_not_count() {
        let (mut discovery, mut sink) = (Discovery::default(), Collect::default());
        discovery.ask(&[server()], 7, &mut sink);
        let request = sink.0.remove(0).1;
        let mut answer = answer_to(&request, [0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        let elsewhere = Path { remote: "192.0.2.54:3478".parse().unwrap(), ..path() };
        assert_eq!(discovery.answer(elsewhere, &answer), None);
        answer[19] ^= 1;
        assert_eq!(discovery.answer(path(), &answer), None);
    }

    #[test]
    fn a_cut_off_answer_is_no_answer() {
        let request = vec![0; 20];
        let whole = answer_to(&request, [0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        for len in 0..whole.len() {
            assert_eq!(mapped_address(&whole[..len]), None, "{len}");
        }
        assert!(mapped_address(&whole).is_some());
    }
}
