//! Many messages in one system call: sendmmsg(2).
//!
//! quinn-udp sends one message in a call. To enter the kernel once for all receivers of a packet saves a seventh of what it costs to
//! send it.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use nix::libc::{self, c_int, cmsghdr, mmsghdr, msghdr};
use socket2::SockAddr;

/// Messages that one call takes.
const MESSAGES: usize = 64;
/// Datagrams that they may consist of.
const PIECES: usize = 384;

/// What goes to one peer.
#[derive(Debug, Clone)]
pub(super) struct Message<P> {
    pub(super) to: SocketAddr,
    /// The address that it leaves from, where the socket has several.
    pub(super) from: Option<IpAddr>,
    /// There are several datagrams, all of this size but for the last, which may be shorter.
    pub(super) segment: Option<u16>,
    pub(super) datagrams: P,
}

/// Sends messages in their order. Answers how many left: not all, if there are too many for one call or the kernel would not take one.
/// An error is that of the first.
pub(super) fn send<'a, P>(socket: BorrowedFd<'_>, messages: impl Iterator<Item = Message<P>>) -> io::Result<usize>
where
    P: ExactSizeIterator<Item = IoSlice<'a>>,
{
    let mut pieces = heapless::Vec::<IoSlice<'a>, PIECES>::new();
    let mut parts = heapless::Vec::<Parts, MESSAGES>::new();
    for message in messages {
        let first = pieces.len();
        if parts.is_full() || first + message.datagrams.len() > PIECES {
            break;
        }
        pieces.extend(message.datagrams);
        let control = Control::new(message.segment, message.from);
        let _ = parts.push(Parts { name: message.to.into(), control, first, count: pieces.len() - first });
    }
    let mut headers: heapless::Vec<mmsghdr, MESSAGES> = parts.iter().map(|parts| parts.header(&pieces)).collect();
    call(socket, &mut headers)
}

/// What a header points to.
struct Parts {
    name: SockAddr,
    control: Control,
    first: usize,
    count: usize,
}

impl Parts {
    /// The kernel only reads through these pointers.
    fn header(&self, pieces: &[IoSlice<'_>]) -> mmsghdr {
        let pieces = pieces.get(self.first..self.first + self.count).unwrap_or_default();
        let control = self.control.bytes();
        let msg_hdr = msghdr {
            msg_name: self.name.as_ptr().cast_mut().cast(),
            msg_namelen: self.name.len(),
            // `IoSlice` is laid out like `iovec`, as its documentation promises.
            msg_iov: pieces.as_ptr().cast_mut().cast(),
            msg_iovlen: pieces.len(),
            msg_control: if control.is_empty() { ptr::null_mut() } else { control.as_ptr().cast_mut().cast() },
            msg_controllen: control.len(),
            msg_flags: 0,
        };
        mmsghdr { msg_hdr, msg_len: 0 }
    }
}

#[expect(
    unsafe_code,
    reason = "nix can say only for all messages of a call where they leave from, and of what size segments are"
)]
fn call(socket: BorrowedFd<'_>, headers: &mut [mmsghdr]) -> io::Result<usize> {
    let count = u32::try_from(headers.len()).unwrap_or(u32::MAX);
    // SAFETY: the headers were made by `send`, which holds all that they point to until this returns.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, 0) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// What is said of a message besides (cmsg(3)): its segments, and where it leaves from.
#[derive(Debug)]
#[repr(align(8))]
struct Control {
    bytes: [u8; CONTROL],
    used: usize,
}

/// Two headers, and what they can say.
const CONTROL: usize = 64;

impl Control {
    fn new(segment: Option<u16>, from: Option<IpAddr>) -> Self {
        let mut control = Self { bytes: [0; CONTROL], used: 0 };
        if let Some(segment) = segment {
            control.say(libc::SOL_UDP, libc::UDP_SEGMENT, &[&segment.to_ne_bytes()]);
        }
        // Of `in_pktinfo` and `in6_pktinfo` only the address counts. No number of an interface: routes choose it.
        match from {
            Some(IpAddr::V4(from)) => {
                control.say(libc::IPPROTO_IP, libc::IP_PKTINFO, &[&[0; 4], &from.octets(), &[0; 4]])
            }
            Some(IpAddr::V6(from)) => control.say(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &[&from.octets(), &[0; 4]]),
            None => {}
        }
        control
    }

    fn say(&mut self, level: c_int, kind: c_int, value: &[&[u8]]) {
        let len = size_of::<cmsghdr>() + value.iter().map(|part| part.len()).sum::<usize>();
        let header: [&[u8]; 3] = [&len.to_ne_bytes(), &level.to_ne_bytes(), &kind.to_ne_bytes()];
        let said = header.iter().chain(value).flat_map(|part| part.iter());
        let room = self.bytes.iter_mut().skip(self.used);
        room.zip(said).for_each(|(to, from)| *to = *from);
        self.used += len.next_multiple_of(align_of::<cmsghdr>());
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    type Datagrams<'a> = std::iter::Map<std::slice::Chunks<'a, u8>, fn(&'a [u8]) -> IoSlice<'a>>;

    fn message<'a>(
        to: &UdpSocket,
        from: Option<&str>,
        bytes: &'a [u8],
        segment: Option<u16>,
    ) -> Message<Datagrams<'a>> {
        let size = segment.map_or(bytes.len(), usize::from);
        let datagrams = bytes.chunks(size).map(IoSlice::new as fn(&'a [u8]) -> IoSlice<'a>);
        Message { to: to.local_addr().unwrap(), from: from.map(|from| from.parse().unwrap()), segment, datagrams }
    }

    fn take(socket: &UdpSocket) -> (Vec<u8>, IpAddr) {
        let mut buffer = [0; 2048];
        let (len, from) = socket.recv_from(&mut buffer).unwrap();
        (buffer[..len].to_vec(), from.ip())
    }

    #[test]
    fn each_message_has_its_own_peer_source_and_segments() {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let peers = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let messages = [
            message(&peers[0], Some("127.0.0.2"), b"one", None),
            message(&peers[1], None, &[7; 250], Some(100)),
            message(&peers[2], Some("127.0.0.3"), &[8; 70], Some(50)),
        ];
        assert_eq!(send(socket.as_fd(), messages.into_iter()).unwrap(), 3);
        assert_eq!(take(&peers[0]), (b"one".to_vec(), "127.0.0.2".parse().unwrap()));
        assert_eq!([(); 3].map(|()| take(&peers[1]).0.len()), [100, 100, 50]);
        let ours = [(); 2].map(|()| take(&peers[2]));
        assert_eq!(
            ours.map(|(bytes, from)| (bytes.len(), from.to_string())),
            [50, 20].map(|len| (len, "127.0.0.3".to_owned()))
        );
    }

    #[test]
    fn both_families_can_say_where_they_leave_from() {
        let (socket, peer) = (UdpSocket::bind("[::]:0").unwrap(), UdpSocket::bind("[::1]:0").unwrap());
        assert_eq!(send(socket.as_fd(), [message(&peer, Some("::1"), &[1; 30], Some(20))].into_iter()).unwrap(), 1);
        assert_eq!([(); 2].map(|()| take(&peer).0.len()), [20, 10]);
    }

    #[test]
    fn what_is_too_much_for_one_call_is_left_for_the_next() {
        let (socket, peer) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let single = || message(&peer, None, b"x", None);
        assert_eq!(send(socket.as_fd(), std::iter::repeat_with(single)).unwrap(), MESSAGES);
        let train = || message(&peer, None, &[1; 60], Some(1));
        assert_eq!(send(socket.as_fd(), std::iter::repeat_with(train)).unwrap(), PIECES / 60);
    }

    #[test]
    fn an_error_is_that_of_the_first_and_comes_after_what_left() {
        let (socket, peer) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let messages = || [message(&peer, None, b"x", None), message(&peer, None, &[1; 70_000], None)].into_iter();
        assert_eq!(send(socket.as_fd(), messages()).unwrap(), 1);
        let error = send(socket.as_fd(), messages().skip(1)).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    }
}
