//! Session keys from a master key (RFC 3711 4.3.1, key derivation rate 0; RFC 7714 11 uses the same).

use super::cipher::{CounterMode, Failed};
use super::{CM_SALT_LEN, KeyMaterial};

/// Which key to derive.
#[derive(Debug, Clone, Copy)]
pub(super) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// The first `N` bytes of the key stream that belongs to `label`.
pub(super) fn derive<const N: usize>(master: &KeyMaterial, label: Label) -> Result<[u8; N], Failed> {
    // x = key_id XOR master_salt, where the label is the seventh byte from the right of 14; the block counter follows.
    let mut iv = [0; 16];
    let (x, _counter) = iv.split_at_mut(CM_SALT_LEN);
    x.copy_from_slice(&master.salt);
    if let Some(byte) = x.get_mut(7) {
        *byte ^= label as u8;
    }
    let mut stream = [0; N];
    CounterMode::new(&master.key)?.apply(iv, &mut stream)?;
    Ok(stream)
}
