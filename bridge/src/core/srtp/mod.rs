//! SRTP in place, over AWS-LC: AEAD_AES_128_GCM (RFC 7714) and AES_CM_128_HMAC_SHA1_80 (RFC 3711).
//!
//! [`Inbound`] opens what one peer sends, [`Outbound`] seals what it gets. Neither allocates for a packet; an SSRC costs one
//! small record when its first packet passes.

mod cipher;
mod inbound;
mod kdf;
mod outbound;
mod replay;
mod table;

pub use inbound::Inbound;
pub use outbound::Outbound;

/// The most that protecting adds to an RTP packet: the GCM tag.
pub const MAX_RTP_OVERHEAD: usize = 16;
/// The most that protecting adds to an RTCP packet: the GCM tag and the index word.
pub const MAX_RTCP_OVERHEAD: usize = 20;

const KEY_LEN: usize = 16;
const CM_SALT_LEN: usize = 14;
const GCM_SALT_LEN: usize = 12;

/// A protection profile of DTLS-SRTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// SRTP_AEAD_AES_128_GCM, 0x0007 in the `use_srtp` extension.
    AeadAes128Gcm,
    /// SRTP_AES128_CM_HMAC_SHA1_80, 0x0001 in the `use_srtp` extension.
    Aes128CmHmacSha1_80,
}

impl Profile {
    /// Bytes of one master salt.
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm => GCM_SALT_LEN,
            Self::Aes128CmHmacSha1_80 => CM_SALT_LEN,
        }
    }

    /// Bytes to ask of the DTLS exporter (label `EXTRACTOR-dtls_srtp`).
    pub const fn exporter_len(self) -> usize {
        2 * (KEY_LEN + self.salt_len())
    }
}

/// A master key with its salt.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyMaterial {
    key: [u8; KEY_LEN],
    /// A 12-byte salt is padded with zeros at its end, which is how RFC 7714 feeds it to the key derivation.
    salt: [u8; CM_SALT_LEN],
}

impl KeyMaterial {
    /// `salt` has 12 or 14 bytes; `None` for any other length.
    pub fn new(key: [u8; KEY_LEN], salt: &[u8]) -> Option<Self> {
        if salt.len() != GCM_SALT_LEN && salt.len() != CM_SALT_LEN {
            return None;
        }
        let mut padded = [0; CM_SALT_LEN];
        padded.get_mut(..salt.len())?.copy_from_slice(salt);
        Some(Self { key, salt: padded })
    }
}

impl std::fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyMaterial")
    }
}

/// What a DTLS handshake leaves for the media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    pub profile: Profile,
    /// Seals what we send.
    pub local: KeyMaterial,
    /// Opens what the peer sends.
    pub remote: KeyMaterial,
}

impl Keys {
    /// Cuts the exporter's block (RFC 5764 4.2): client key, server key, client salt, server salt.
    ///
    /// `None` unless the block has [`Profile::exporter_len`] bytes.
    pub fn from_exporter(profile: Profile, block: &[u8], we_are_client: bool) -> Option<Self> {
        if block.len() != profile.exporter_len() {
            return None;
        }
        let (client_key, rest) = block.split_first_chunk::<KEY_LEN>()?;
        let (server_key, salts) = rest.split_first_chunk::<KEY_LEN>()?;
        let (client_salt, server_salt) = salts.split_at_checked(profile.salt_len())?;
        let client = KeyMaterial::new(*client_key, client_salt)?;
        let server = KeyMaterial::new(*server_key, server_salt)?;
        let (local, remote) = if we_are_client { (client, server) } else { (server, client) };
        Some(Self { profile, local, remote })
    }
}

#[cfg(test)]
mod interop_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vector_tests;
