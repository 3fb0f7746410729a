//! DTLS with an implementation that nobody of this house wrote: OpenSSL as client (as in GStreamer) and as server, over loopback.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bridge::core::Path;
use bridge::core::endpoint::identity::Identity;
use bridge::core::endpoint::transport::{LocalParams, Options, Transport, TransportOutput};
use bridge::core::grid::Grid;
use bridge::core::srtp::{Keys, Profile};
use jitsi_wire::jingle::{Fingerprint, IceUdpTransport, Setup};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

/// A directory with a certificate for OpenSSL.
struct Certificate {
    directory: PathBuf,
    fingerprint: String,
}

impl Certificate {
    fn make(name: &str, kind: &[&str]) -> Self {
        let directory = std::env::temp_dir().join(format!("moothall-dtls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let run = |arguments: &[&str]| {
            let output =
                Command::new("openssl").args(arguments).current_dir(&directory).output().expect("openssl is installed");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let request =
            ["req", "-x509", "-nodes", "-subj", "/CN=test", "-days", "30", "-keyout", "key.pem", "-out", "cert.pem"];
        run(&[&request[..], kind].concat());
        let said = run(&["x509", "-in", "cert.pem", "-noout", "-fingerprint", "-sha256"]);
        let fingerprint = said.trim().split_once('=').unwrap().1.to_owned();
        Self { directory, fingerprint }
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn transport(profiles: &[Profile]) -> Transport {
    Transport::new(
        Instant::now(),
        &Arc::new(Identity::generate().unwrap()),
        LocalParams { ufrag: "ufragufrag".to_owned(), pwd: "passwordpasswordpassword".to_owned() },
        ChaCha8Rng::from_seed([1; 32]),
        Options { profiles: profiles.to_vec(), sctp: false, grid: Grid::new(Instant::now()) },
    )
}

/// Carries datagrams between the transport and OpenSSL until there are keys.
fn keys_of(transport: &mut Transport, socket: &UdpSocket) -> Keys {
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    let mut buffer = [0; 2048];
    while Instant::now() < end {
        if let Ok((length, remote)) = socket.recv_from(&mut buffer) {
            let path = Path { local: socket.local_addr().unwrap().ip(), remote };
            transport.handle_dtls(Instant::now(), path, &buffer[..length]);
        }
        if transport.next_wakeup().is_some_and(|(at, _)| at <= Instant::now()) {
            transport.on_wakeup(Instant::now());
        }
        while let Some(output) = transport.poll(Instant::now()) {
            match output {
                TransportOutput::Transmit { path, datagram } => {
                    assert!(datagram.len() <= 1200);
                    socket.send_to(&datagram, path.remote).unwrap();
                }
                TransportOutput::SrtpReady(keys) => {
                    // The last flight is out; leave OpenSSL the time to print.
                    return keys;
                }
                TransportOutput::Failed(failure) => panic!("{failure:?}"),
                _ => {}
            }
        }
    }
    panic!("no keys");
}

struct Client(Child);

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Client {
    fn start(certificate: &Certificate, server: SocketAddr, profiles: &str, length: usize, more: &[&str]) -> Self {
        let child = Command::new("openssl")
            .args(["s_client", "-dtls1_2", "-connect", &server.to_string(), "-cert", "cert.pem", "-key", "key.pem"])
            .args([
                "-use_srtp",
                profiles,
                "-keymatexport",
                "EXTRACTOR-dtls_srtp",
                "-keymatexportlen",
                &length.to_string(),
            ])
            .args(more)
            .current_dir(&certificate.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        Self(child)
    }

    /// Ends the client and takes the keying material from what it printed.
    fn keying_material(mut self) -> Vec<u8> {
        let mut input = self.0.stdin.take().unwrap();
        input.write_all(b"Q\n").unwrap();
        drop(input);
        let mut text = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        let hex = text.lines().find_map(|line| line.trim().strip_prefix("Keying material: ")).expect(&text);
        let digits: Vec<u8> = hex.bytes().collect();
        digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
    }
}

const EC: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

fn serve(name: &str, kind: &[&str], offer: &str, profile: Profile, more: &[&str]) {
    let certificate = Certificate::make(name, kind);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut transport = transport(&[Profile::AeadAes128Gcm, Profile::Aes128CmHmacSha1_80]);
    let print =
        Fingerprint { hash: "sha-256".to_owned(), value: certificate.fingerprint.clone(), setup: Some(Setup::Active) };
    let remote = IceUdpTransport { fingerprints: vec![print], ..IceUdpTransport::default() };
    transport.set_remote(Instant::now(), &remote);
    let client = Client::start(&certificate, socket.local_addr().unwrap(), offer, profile.exporter_len(), more);
    let keys = keys_of(&mut transport, &socket);
    let material = client.keying_material();
    assert_eq!(keys, Keys::from_exporter(profile, &material, false).unwrap());
}

#[test]
fn openssl_as_client_gets_the_profile_that_we_prefer() {
    serve("gcm", &EC, "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM", Profile::AeadAes128Gcm, &[]);
    serve("cm", &EC, "SRTP_AES128_CM_SHA1_80", Profile::Aes128CmHmacSha1_80, &[]);
}

#[test]
fn openssl_may_cut_its_messages_into_small_pieces() {
    serve("mtu", &EC, "SRTP_AEAD_AES_128_GCM", Profile::AeadAes128Gcm, &["-mtu", "256"]);
}

#[test]
fn openssl_with_an_rsa_certificate_is_welcome() {
    serve("rsa", &["-newkey", "rsa:2048"], "SRTP_AEAD_AES_128_GCM", Profile::AeadAes128Gcm, &[]);
}

#[test]
fn openssl_with_chacha_is_welcome() {
    let suite = ["-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"];
    serve("chacha", &EC, "SRTP_AEAD_AES_128_GCM", Profile::AeadAes128Gcm, &suite);
}
