//! What strangers may cost.

use std::time::Duration;

/// Bounds of the shell. The defaults suit a board with 1 GB: an office of two hundred people behind one address fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// TCP connections open at once.
    pub connections: usize,
    /// The same from one IPv4 address or one IPv6 /64. Listed proxies are exempt, because everybody comes through them;
    /// instead the WebSockets of one `X-Forwarded-For` count.
    pub connections_per_address: usize,
    /// XMPP streams from one such address: less than all that there may be, so that nobody takes them all.
    pub streams_per_address: usize,
    /// From accept to the first byte.
    pub first_byte: Duration,
    /// From the first byte to the end of the TLS handshake.
    pub handshake: Duration,
    /// For a whole request head, and also for the pause between two requests on one connection.
    pub request_head: Duration,
    /// For the body of a request that has one.
    pub request_body: Duration,
    /// Bytes of a request's body, unless its beginning names a session that is there.
    pub short_body: usize,
    /// Bytes of a WebSocket message that is not whole: so much is nobody's business.
    pub short_frame: usize,
    /// Bytes of all longer bodies and messages that are being read; beyond them such requests are turned away, and such
    /// connections dropped.
    pub unread_total: usize,
    /// Bytes of a request head.
    pub request_head_bytes: usize,
    /// Header fields of a request.
    pub request_headers: usize,
    /// Life of a connection that speaks HTTP only, unless a file goes out on it.
    pub http_connection: Duration,
    /// For each 32 KiB of a file: a client that takes it byte by byte ends here.
    pub http_piece: Duration,
    /// Longest XMPP frame taken from a client (signaling must carry at least 512 KiB).
    pub xmpp_frame: usize,
    /// Longest frame taken on a bridge channel.
    pub channel_frame: usize,
    /// Bytes waiting for one client that reads too slowly; beyond them its connection is dropped. Everybody's presence in a
    /// full room must fit: it is told at once to whoever joins.
    pub queued_bytes: usize,
    /// Bytes waiting for all clients together; beyond them those with a queue to speak of are dropped.
    pub queued_total: usize,
    /// Frames waiting for one client.
    pub queued_frames: usize,
    /// A ping goes out when nothing was received for this long, and again after each such pause.
    pub ping: Duration,
    /// A WebSocket that was silent for this long is dropped.
    pub idle: Duration,
    /// The same for an XMPP stream: its client is thought to be in the meeting until then, and may come back afterwards.
    pub stream_idle: Duration,
    /// How long the other side may take for the closing handshake.
    pub closing: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            connections_per_address: 512,
            streams_per_address: 300,
            first_byte: Duration::from_secs(5),
            handshake: Duration::from_secs(10),
            request_head: Duration::from_secs(10),
            request_body: Duration::from_secs(20),
            short_body: 4 * 1024,
            short_frame: 32 * 1024,
            unread_total: 16 * 1024 * 1024,
            request_head_bytes: 16 * 1024,
            request_headers: 64,
            http_connection: Duration::from_secs(300),
            http_piece: Duration::from_secs(60),
            xmpp_frame: 512 * 1024,
            channel_frame: 64 * 1024,
            queued_bytes: 2 * 1024 * 1024,
            queued_total: 32 * 1024 * 1024,
            queued_frames: 2000,
            ping: Duration::from_secs(15),
            idle: Duration::from_secs(60),
            stream_idle: Duration::from_secs(40),
            closing: Duration::from_secs(1),
        }
    }
}
