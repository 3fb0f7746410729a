//! Opens the TCP port.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 256;

/// What a TCP port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// `network.port`.
    Site,
    /// `network.http_redirect`.
    Redirect,
    /// `network.statistics`.
    Statistics,
}

impl Use {
    fn remedy(self) -> &'static str {
        match self {
            Self::Site => "--listen ADDRESS:PORT or network.port",
            Self::Redirect => "network.http_redirect",
            Self::Statistics => "network.statistics",
        }
    }

    fn address_remedy(self) -> &'static str {
        match self {
            Self::Site | Self::Redirect => "--listen or network.addresses",
            Self::Statistics => "network.statistics",
        }
    }
}

/// Why the TCP port could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error("TCP port {} on {} is in use by another program; stop it, or choose another port with {}", .0.port(), .0.ip(), .1.remedy())]
    Occupied(SocketAddr, Use),
    #[error("no right to use TCP port {} on {}; choose one above 1023 with {}", .0.port(), .0.ip(), .1.remedy())]
    Forbidden(SocketAddr, Use),
    #[error("{} is no address of this machine; write one that is with {}", .0.ip(), .1.address_remedy())]
    ForeignAddress(SocketAddr, Use),
    #[error("cannot open TCP port {} on {}: {source}", address.port(), address.ip())]
    Other { address: SocketAddr, source: io::Error },
}

impl ListenError {
    fn new(address: SocketAddr, purpose: Use, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::Occupied(address, purpose),
            io::ErrorKind::PermissionDenied => Self::Forbidden(address, purpose),
            io::ErrorKind::AddrNotAvailable => Self::ForeignAddress(address, purpose),
            _ => Self::Other { address, source },
        }
    }
}

/// One listener for each address, all on one port; port 0 takes any free one. A machine without IPv6 does without `::`.
pub(crate) fn listen(addresses: &[IpAddr], port: u16, purpose: Use) -> Result<(Vec<TcpListener>, u16), ListenError> {
    let mut port = port;
    let mut listeners = Vec::with_capacity(addresses.len());
    for ip in addresses {
        let address = SocketAddr::new(*ip, port);
        match open(address).and_then(|listener| Ok((listener.local_addr()?.port(), listener))) {
            Ok((actual, listener)) => {
                port = actual;
                listeners.push(listener);
            }
            Err(error) if ip.is_unspecified() && ip.is_ipv6() && lacks_ipv6(&error) => {}
            Err(error) => return Err(ListenError::new(address, purpose, error)),
        }
    }
    Ok((listeners, port))
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of a process that has just ended must not keep its successor from starting.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn lacks_ipv6(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(code) if code == nix::libc::EAFNOSUPPORT || code == nix::libc::EADDRNOTAVAIL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_occupied_port_is_named_with_the_way_out() {
        let localhost = ["127.0.0.1".parse().unwrap()];
        let (_held, port) = listen(&localhost, 0, Use::Site).unwrap();
        assert_eq!(
            listen(&localhost, port, Use::Site).unwrap_err().to_string(),
            format!(
                "TCP port {port} on 127.0.0.1 is in use by another program; stop it, or choose another port with \
                 --listen ADDRESS:PORT or network.port"
            )
        );
        let redirect = listen(&localhost, port, Use::Redirect).unwrap_err().to_string();
        assert!(redirect.ends_with("choose another port with network.http_redirect"), "{redirect}");
    }

    #[test]
    fn both_families_share_one_free_port() {
        let (listeners, port) = listen(&["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()], 0, Use::Site).unwrap();
        let ports: Vec<u16> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        assert_eq!(ports, [port, port]);
    }
}
