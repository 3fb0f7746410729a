//! One TCP connection from its first byte to its end.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jitsi_wire::xmpp::jid::percent_decoded;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::authority::{Arrival, Origin};
use super::bosh;
use super::channel::{self, ChannelRefusal, ChannelRequest, Lease, ToClient};
use super::conference_request;
use super::feedback;
use super::http::{self, Answer, Content};
use super::life::Life;
use super::listener::{Guest, Shared, neighbourhood};
use super::post;
use super::recordings;
use super::route::{Route, room};
use super::setup;
use super::socket::{self, End, Rules};
use super::upgrade::{Wish, agree, wish};
use crate::router::Connection;

/// What an upgraded connection carries.
enum Upgrade {
    Xmpp(Connection),
    Channel(Lease, mpsc::Receiver<ToClient>),
}

/// A connection that has left HTTP behind, and the bytes read beyond it.
struct Upgraded<I> {
    io: I,
    rest: Vec<u8>,
    upgrade: Upgrade,
    /// Counted for as long as the WebSocket lives.
    _guest: Option<Guest>,
}

/// First byte of a TLS record that carries a handshake (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// How long the bridge may take to say whether a channel is welcome.
const GATE_PATIENCE: Duration = Duration::from_secs(5);

/// Serves a connection. Each phase is boxed, so that what is over takes no memory.
pub(super) async fn serve(shared: Rc<Shared>, tcp: TcpStream, peer: SocketAddr) {
    let Ok(local) = tcp.local_addr() else { return };
    let arrival = Arrival { peer: peer.ip(), local, tls: shared.tls.is_some(), at: Instant::now() };
    let Some(acceptor) = &shared.tls else {
        return plain(&shared, tcp, &arrival).await;
    };
    let mut first = [0];
    match timeout(shared.limits.first_byte, tcp.peek(&mut first)).await {
        Ok(Ok(1)) => {}
        _ => return,
    }
    match first {
        [TLS_HANDSHAKE] => {
            let accepted = Box::pin(timeout(shared.limits.handshake, acceptor.accept(tcp))).await;
            let Ok(Ok(tls)) = accepted else { return };
            secure(&shared, tls, &arrival).await;
        }
        // Methods are upper case letters; anything else is no HTTP either.
        [byte] if byte.is_ascii_uppercase() => Box::pin(redirect(&shared, tcp, &arrival, None)).await,
        _ => {}
    }
}

async fn plain(shared: &Rc<Shared>, tcp: TcpStream, arrival: &Arrival) {
    if let Some(mut upgraded) = Box::pin(speak_http(shared, tcp, arrival)).await {
        let abort = |io: &TcpStream| abort(io);
        Box::pin(speak_websocket(shared, &mut upgraded, abort)).await;
    }
}

async fn secure(shared: &Rc<Shared>, mut tls: TlsStream<TcpStream>, arrival: &Arrival) {
    tls.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
    if let Some(mut upgraded) = Box::pin(speak_http(shared, tls, arrival)).await {
        let abort = |io: &TlsStream<TcpStream>| abort(io.get_ref().0);
        Box::pin(speak_websocket(shared, &mut upgraded, abort)).await;
    }
}

/// Plaintext that rustls takes before it says that the socket is full.
const TLS_BUFFER: usize = 16 * 1024;

/// Nothing that the kernel still holds for this client is of use to anybody.
fn abort(tcp: &TcpStream) {
    // It is dropped next, whatever comes of this.
    let _ = tcp.set_zero_linger();
}

fn server(shared: &Shared) -> http1::Builder {
    let limits = &shared.limits;
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(limits.request_head)
        .max_headers(limits.request_headers)
        .max_buf_size(limits.request_head_bytes.max(8 * 1024));
    server
}

/// Serves a connection to a port that knows nothing but the way to `port`.
pub(super) async fn to_https(shared: &Shared, tcp: TcpStream, peer: SocketAddr, port: u16) {
    let Ok(local) = tcp.local_addr() else { return };
    let arrival = Arrival { peer: peer.ip(), local, tls: false, at: Instant::now() };
    redirect(shared, tcp, &arrival, Some(port)).await;
}

async fn redirect(shared: &Shared, tcp: TcpStream, arrival: &Arrival, port: Option<u16>) {
    let service = service_fn(|request| std::future::ready(http::to_https(&shared.site, &request, arrival, port)));
    let connection = server(shared).keep_alive(false).serve_connection(TokioIo::new(tcp), service);
    // Whether it was delivered or not, there is nothing left to do.
    let _ = timeout(shared.limits.http_connection, connection).await;
}

/// Answers requests until the connection ends or becomes something else.
async fn speak_http<I>(shared: &Rc<Shared>, io: I, arrival: &Arrival) -> Option<Upgraded<I>>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let pending = RefCell::new(None);
    let life = Rc::new(Life::new(shared.limits.http_connection, shared.limits.http_piece));
    let service = service_fn(async |request| {
        let answer = respond(shared, request, arrival, &pending).await;
        Ok::<_, Infallible>(answer.map(|content| content.prolonging(&life)))
    });
    let connection = server(shared).serve_connection(TokioIo::new(io), service).with_upgrades();
    let outcome = tokio::select! {
        outcome = connection => outcome,
        () = life.over() => return None,
    };
    outcome.inspect_err(|error| debug!(%error, "HTTP ended early")).ok()?;
    let (on_upgrade, upgrade, guest) = pending.into_inner()?;
    let parts = on_upgrade.await.ok()?.downcast::<TokioIo<I>>().ok()?;
    Some(Upgraded { io: parts.io.into_inner(), rest: parts.read_buf.into(), upgrade, _guest: guest })
}

type Pending = RefCell<Option<(OnUpgrade, Upgrade, Option<Guest>)>>;

async fn respond(shared: &Rc<Shared>, mut request: Request<Incoming>, arrival: &Arrival, pending: &Pending) -> Answer {
    let origin = Origin::of(&request, arrival, &shared.proxies);
    let route = http::route_of(&request);
    if matches!(route, Route::Bosh | Route::ConferenceRequest) {
        let method = request.method().clone();
        let answer = match (post::objection(&request), route) {
            (Some(objection), _) => objection,
            (None, Route::Bosh) => bosh::serve(shared, request, &origin, arrival).await,
            (None, _) => conference_request::serve(shared, request, &origin).await,
        };
        return http::finish(post::for_everybody(answer), &method, &origin, &shared.site);
    }
    if matches!(route, Route::Feedback | Route::SetupApi) {
        let method = request.method().clone();
        let answer = match (post::objection(&request), route) {
            (Some(objection), _) => objection,
            (None, Route::Feedback) => feedback::serve(shared, request, &origin).await,
            (None, _) => setup::serve(shared, request, &origin).await,
        };
        return http::finish(answer, &method, &origin, &shared.site);
    }
    if let Route::Api(path) = &route {
        let method = request.method().clone();
        let answer = recordings::serve(shared, request, &origin, path).await;
        return http::finish(answer, &method, &origin, &shared.site);
    }
    let answer = match http::objection(&request) {
        Some(objection) => objection,
        None => choose(shared, &mut request, &origin, arrival, pending).await,
    };
    http::finish(answer, request.method(), &origin, &shared.site)
}

async fn choose(
    shared: &Rc<Shared>,
    request: &mut Request<Incoming>,
    origin: &Origin,
    arrival: &Arrival,
    pending: &Pending,
) -> Answer {
    let route = http::route_of(request);
    let wanted = match request.method() {
        &Method::GET => wish(request.headers()),
        _ => Wish::Plain,
    };
    let accept = match (wanted, &route) {
        (Wish::WebSocket(accept), Route::Xmpp | Route::Channel { .. }) => accept,
        (Wish::Unusable, Route::Xmpp | Route::Channel { .. }) => return http::upgrade_required(),
        _ => return shared.site.get(request, route, origin, || shared.hub.stats()).await,
    };
    let Ok(guest) = Guest::admit(shared, origin, route == Route::Xmpp) else {
        return http::plain(StatusCode::TOO_MANY_REQUESTS, "too many connections from your address\n");
    };
    match route {
        Route::Channel { server, conference, endpoint } => {
            let names = [server, conference, endpoint];
            match open_channel(shared, names, request.uri().query()).await {
                Ok((lease, frames)) => switch(request, accept, None, (Upgrade::Channel(lease, frames), guest), pending),
                Err(answer) => answer,
            }
        }
        _ => {
            let connection = Connection {
                room: room(request.uri().query()),
                authority: origin.for_client(request, arrival, &shared.proxies).to_string(),
                secure: origin.secure,
                websocket: true,
                address: origin.client.map(neighbourhood),
            };
            switch(request, accept, Some("xmpp"), (Upgrade::Xmpp(connection), guest), pending)
        }
    }
}

fn switch(
    request: &mut Request<Incoming>,
    accept: HeaderValue,
    subprotocol: Option<&'static str>,
    (upgrade, guest): (Upgrade, Option<Guest>),
    pending: &Pending,
) -> Answer {
    let mut answer = Response::new(Content::Ready(None));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    agree(request.headers(), answer.headers_mut(), accept, subprotocol);
    pending.replace(Some((hyper::upgrade::on(request), upgrade, guest)));
    answer
}

/// Asks the bridge. The three reasons for 403 look alike from outside.
async fn open_channel(
    shared: &Shared,
    names: [String; 3],
    query: Option<&str>,
) -> Result<(Lease, mpsc::Receiver<ToClient>), Answer> {
    let forbidden = || http::plain(StatusCode::FORBIDDEN, "forbidden\n");
    // The password stands first in the query, nothing else is asked of it.
    let pwd = query
        .and_then(|query| query.strip_prefix("pwd="))
        .and_then(|rest| rest.split('&').next())
        .and_then(percent_decoded)
        .ok_or_else(forbidden)?;
    let [server, conference, endpoint] = names;
    let (to_client, frames) = mpsc::channel(channel::QUEUE);
    let verdict = shared.gate.open(ChannelRequest { server, conference, endpoint, pwd, to_client });
    match timeout(GATE_PATIENCE, verdict).await {
        Ok(Ok(Ok(id))) => Ok((Lease::new(Rc::clone(&shared.gate), id), frames)),
        Ok(Ok(Err(ChannelRefusal::NotFound))) => Err(http::not_found()),
        Ok(Ok(Err(ChannelRefusal::Forbidden))) => Err(forbidden()),
        Ok(Err(_)) | Err(_) => Err(http::plain(StatusCode::SERVICE_UNAVAILABLE, "the bridge does not answer\n")),
    }
}

async fn speak_websocket<I>(shared: &Rc<Shared>, upgraded: &mut Upgraded<I>, abort: impl Fn(&I))
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let _open = shared.socket_opened();
    let rest = std::mem::take(&mut upgraded.rest);
    let (io, share) = (&mut upgraded.io, shared.unread.share());
    let end = match &mut upgraded.upgrade {
        Upgrade::Xmpp(connection) => {
            let rules = Rules::xmpp(&shared.limits);
            let session = shared.hub.open(connection.clone());
            let mut socket = socket::accept(&mut *io, rest, &rules).await;
            let outlet = &*session.outbox;
            // The hub closes sessions itself, behind their last stanza.
            let end =
                socket::run(&mut socket, outlet, &rules, share, std::future::pending(), |text| session.frame(&text))
                    .await;
            // What broke the rules once would do so again.
            if matches!(end, End::Left | End::Refused) {
                session.leave();
            }
            end
        }
        Upgrade::Channel(lease, frames) => {
            let rules = Rules::channel(&shared.limits);
            let mut socket = socket::accept(&mut *io, rest, &rules).await;
            let stop = shared.stopped();
            socket::run(&mut socket, frames, &rules, share, stop, |text| lease.text(text.as_str().to_owned())).await
        }
    };
    debug!(?end, "WebSocket ended");
    match end {
        End::Closed | End::Left | End::Refused => farewell(io, shared.limits.closing).await,
        End::Overflow | End::Silent => abort(io),
        End::Lost => {}
    }
}

/// Ends TLS and TCP in order, if the other side lets us.
async fn farewell(io: &mut (impl AsyncWrite + Unpin), patience: Duration) {
    let outcome: Result<io::Result<()>, _> = timeout(patience, io.shutdown()).await;
    if !matches!(outcome, Ok(Ok(()))) {
        debug!("the other side had already gone");
    }
}
