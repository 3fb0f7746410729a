//! The two protection profiles as pure functions of (key, index, bytes).

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use super::kdf::{Label, derive};
use super::{CM_SALT_LEN, GCM_SALT_LEN, KEY_LEN, KeyMaterial, Profile};

pub(super) const GCM_TAG: usize = 16;
pub(super) const CM_TAG: usize = 10;
/// E bit and 31-bit index behind every SRTCP payload.
pub(super) const RTCP_INDEX: usize = 4;
/// The E bit: the payload is encrypted.
const ENCRYPTED: u32 = 1 << 31;

/// The crypto library refused: a tag that does not match, or a buffer that it cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failed;

impl From<aws_lc_rs::error::Unspecified> for Failed {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

/// An AEAD with a 12-byte nonce and a 16-byte tag; whoever brings a faster one implements this.
pub(super) trait Aead: Sized {
    fn new(key: &[u8; KEY_LEN]) -> Result<Self, Failed>;
    fn seal(&self, nonce: [u8; 12], aad: &[u8], data: &mut [u8]) -> Result<[u8; GCM_TAG], Failed>;
    /// Destroys `data` when the tag does not match.
    fn open(&self, nonce: [u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8]) -> Result<(), Failed>;
}

impl Aead for LessSafeKey {
    fn new(key: &[u8; KEY_LEN]) -> Result<Self, Failed> {
        Ok(LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key)?))
    }

    fn seal(&self, nonce: [u8; 12], aad: &[u8], data: &mut [u8]) -> Result<[u8; GCM_TAG], Failed> {
        let tag = self.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), data)?;
        tag.as_ref().try_into().map_err(|_| Failed)
    }

    fn open(&self, nonce: [u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8]) -> Result<(), Failed> {
        self.open_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), tag, data)?;
        Ok(())
    }
}

/// AES-128 in counter mode.
pub(super) struct CounterMode(EncryptingKey);

impl CounterMode {
    pub(super) fn new(key: &[u8; KEY_LEN]) -> Result<Self, Failed> {
        Ok(Self(EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, key)?)?))
    }

    /// Encrypting and decrypting are the same.
    pub(super) fn apply(&self, iv: [u8; 16], data: &mut [u8]) -> Result<(), Failed> {
        self.0.less_safe_encrypt(data, EncryptionContext::Iv128(iv.into()))?;
        Ok(())
    }
}

/// Session keys of one direction, for either RTP or RTCP.
struct Gcm<A> {
    aead: A,
    salt: [u8; GCM_SALT_LEN],
}

impl<A: Aead> Gcm<A> {
    fn new(master: &KeyMaterial, encryption: Label, salt: Label) -> Result<Self, Failed> {
        Ok(Self { aead: A::new(&derive(master, encryption)?)?, salt: derive(master, salt)? })
    }

    /// RFC 7714 8.1 and 9.1: two zero bytes, SSRC, 48 bits of index, all masked by the salt.
    fn nonce(&self, ssrc: u32, index: u64) -> [u8; 12] {
        let [_, _, index @ ..] = index.to_be_bytes();
        let mut nonce = self.salt;
        let (_, rest) = nonce.split_at_mut(2);
        let (for_ssrc, for_index) = rest.split_at_mut(4);
        xor(for_ssrc, &ssrc.to_be_bytes());
        xor(for_index, &index);
        nonce
    }
}

/// Session keys of one direction, for either RTP or RTCP.
struct CmSha1 {
    cipher: CounterMode,
    /// Holds the inner and outer states after the key: a small packet pays two compressions less.
    mac: hmac::Key,
    salt: [u8; CM_SALT_LEN],
}

impl CmSha1 {
    fn new(master: &KeyMaterial, encryption: Label, authentication: Label, salt: Label) -> Result<Self, Failed> {
        Ok(Self {
            cipher: CounterMode::new(&derive(master, encryption)?)?,
            mac: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &derive::<20>(master, authentication)?),
            salt: derive(master, salt)?,
        })
    }

    /// RFC 3711 4.1.1: the salt, masked by SSRC and index, above a 16-bit block counter.
    fn iv(&self, ssrc: u32, index: u64) -> [u8; 16] {
        let [_, _, index @ ..] = index.to_be_bytes();
        let mut iv = [0; 16];
        let (masked, _counter) = iv.split_at_mut(CM_SALT_LEN);
        masked.copy_from_slice(&self.salt);
        let (_, rest) = masked.split_at_mut(4);
        let (for_ssrc, for_index) = rest.split_at_mut(4);
        xor(for_ssrc, &ssrc.to_be_bytes());
        xor(for_index, &index);
        iv
    }

    fn tag(&self, parts: [&[u8]; 2]) -> Result<[u8; CM_TAG], Failed> {
        let mut context = hmac::Context::with_key(&self.mac);
        for part in parts {
            context.update(part);
        }
        context.sign().as_ref().first_chunk::<CM_TAG>().copied().ok_or(Failed)
    }
}

fn xor(into: &mut [u8], with: &[u8]) {
    for (into, with) in into.iter_mut().zip(with) {
        *into ^= with;
    }
}

/// One profile's session keys. Boxed: the key schedules are large and of different size.
enum Suite {
    Gcm(Box<Gcm<LessSafeKey>>),
    Cm(Box<CmSha1>),
}

impl Suite {
    fn new(
        profile: Profile,
        master: &KeyMaterial,
        encryption: Label,
        authentication: Label,
        salt: Label,
    ) -> Result<Self, Failed> {
        Ok(match profile {
            Profile::AeadAes128Gcm => Self::Gcm(Box::new(Gcm::new(master, encryption, salt)?)),
            Profile::Aes128CmHmacSha1_80 => Self::Cm(Box::new(CmSha1::new(master, encryption, authentication, salt)?)),
        })
    }

    fn tag_len(&self) -> usize {
        match self {
            Self::Gcm(_) => GCM_TAG,
            Self::Cm(_) => CM_TAG,
        }
    }
}

/// Protects RTP packets.
pub(super) struct RtpCipher(Suite);

/// Protects RTCP packets.
pub(super) struct RtcpCipher(Suite);

impl RtpCipher {
    pub(super) fn new(profile: Profile, master: &KeyMaterial) -> Result<Self, Failed> {
        Suite::new(profile, master, Label::RtpEncryption, Label::RtpAuthentication, Label::RtpSalt).map(Self)
    }

    pub(super) fn tag_len(&self) -> usize {
        self.0.tag_len()
    }

    /// Does a wrong tag leave the packet as it was?
    pub(super) fn open_is_repeatable(&self) -> bool {
        matches!(self.0, Suite::Cm(_))
    }

    /// Seals `packet`, whose last [`Self::tag_len`] bytes are room for the tag; `header` bytes stay in the clear.
    pub(super) fn seal(&self, packet: &mut [u8], header: usize, ssrc: u32, index: u64) -> Result<(), Failed> {
        let (plain, tag) = split_tag(packet, self.tag_len())?;
        match &self.0 {
            Suite::Gcm(keys) => {
                let (aad, payload) = plain.split_at_mut_checked(header).ok_or(Failed)?;
                tag.copy_from_slice(&keys.aead.seal(keys.nonce(ssrc, index), aad, payload)?);
            }
            Suite::Cm(keys) => {
                let payload = plain.get_mut(header..).ok_or(Failed)?;
                keys.cipher.apply(keys.iv(ssrc, index), payload)?;
                tag.copy_from_slice(&keys.tag([plain, &rollover(index)])?);
            }
        }
        Ok(())
    }

    /// Opens `packet`, tag included.
    pub(super) fn open(&self, packet: &mut [u8], header: usize, ssrc: u32, index: u64) -> Result<(), Failed> {
        let (sealed, tag) = split_tag(packet, self.tag_len())?;
        match &self.0 {
            Suite::Gcm(keys) => {
                let (aad, payload) = sealed.split_at_mut_checked(header).ok_or(Failed)?;
                keys.aead.open(keys.nonce(ssrc, index), aad, payload, tag)
            }
            Suite::Cm(keys) => {
                verify_slices_are_equal(&keys.tag([sealed, &rollover(index)])?, tag)?;
                let payload = sealed.get_mut(header..).ok_or(Failed)?;
                keys.cipher.apply(keys.iv(ssrc, index), payload)
            }
        }
    }
}

/// Bytes of an RTCP packet that stay in the clear: first header and sender SSRC.
const RTCP_CLEAR: usize = 8;

impl RtcpCipher {
    pub(super) fn new(profile: Profile, master: &KeyMaterial) -> Result<Self, Failed> {
        Suite::new(profile, master, Label::RtcpEncryption, Label::RtcpAuthentication, Label::RtcpSalt).map(Self)
    }

    /// Bytes that sealing adds: tag and index word.
    pub(super) fn overhead(&self) -> usize {
        self.0.tag_len() + RTCP_INDEX
    }

    /// Seals `packet`, whose last [`Self::overhead`] bytes are room. `index` has 31 bits.
    pub(super) fn seal(&self, packet: &mut [u8], ssrc: u32, index: u32) -> Result<(), Failed> {
        let word = (index | ENCRYPTED).to_be_bytes();
        match &self.0 {
            Suite::Gcm(keys) => {
                let (rest, trailer) = split_tag(packet, RTCP_INDEX)?;
                let (plain, tag) = split_tag(rest, GCM_TAG)?;
                let (clear, payload) = plain.split_at_mut_checked(RTCP_CLEAR).ok_or(Failed)?;
                let aad = rtcp_aad(clear, word)?;
                tag.copy_from_slice(&keys.aead.seal(keys.nonce(ssrc, u64::from(index)), &aad, payload)?);
                trailer.copy_from_slice(&word);
            }
            Suite::Cm(keys) => {
                let (rest, tag) = split_tag(packet, CM_TAG)?;
                let (plain, trailer) = split_tag(rest, RTCP_INDEX)?;
                keys.cipher.apply(keys.iv(ssrc, u64::from(index)), plain.get_mut(RTCP_CLEAR..).ok_or(Failed)?)?;
                trailer.copy_from_slice(&word);
                tag.copy_from_slice(&keys.tag([plain, &word])?);
            }
        }
        Ok(())
    }

    /// The index word of a sealed packet: (31-bit index, encrypted).
    pub(super) fn read_index(&self, packet: &[u8]) -> Option<(u32, bool)> {
        let end = match self.0 {
            Suite::Gcm(_) => packet.len(),
            Suite::Cm(_) => packet.len().checked_sub(CM_TAG)?,
        };
        let word = u32::from_be_bytes(*packet.get(..end)?.last_chunk::<RTCP_INDEX>()?);
        Some((word & !ENCRYPTED, word & ENCRYPTED != 0))
    }

    /// Opens `packet`, trailer included. `index` and `encrypted` are what [`Self::read_index`] said.
    pub(super) fn open(&self, packet: &mut [u8], ssrc: u32, index: u32, encrypted: bool) -> Result<(), Failed> {
        let word = if encrypted { index | ENCRYPTED } else { index }.to_be_bytes();
        match &self.0 {
            Suite::Gcm(keys) => {
                let (rest, _index) = split_tag(packet, RTCP_INDEX)?;
                let (sealed, tag) = split_tag(rest, GCM_TAG)?;
                let nonce = keys.nonce(ssrc, u64::from(index));
                if encrypted {
                    let (clear, payload) = sealed.split_at_mut_checked(RTCP_CLEAR).ok_or(Failed)?;
                    keys.aead.open(nonce, &rtcp_aad(clear, word)?, payload, tag)
                } else {
                    // RFC 7714 9.3: everything is associated data. Nobody sends this; it is refused rather than copied.
                    Err(Failed)
                }
            }
            Suite::Cm(keys) => {
                let (rest, tag) = split_tag(packet, CM_TAG)?;
                verify_slices_are_equal(&keys.tag([rest, &[]])?, tag)?;
                let (sealed, _index) = split_tag(rest, RTCP_INDEX)?;
                if encrypted {
                    keys.cipher.apply(keys.iv(ssrc, u64::from(index)), sealed.get_mut(RTCP_CLEAR..).ok_or(Failed)?)?;
                }
                Ok(())
            }
        }
    }
}

fn rtcp_aad(clear: &[u8], word: [u8; RTCP_INDEX]) -> Result<[u8; RTCP_CLEAR + RTCP_INDEX], Failed> {
    let clear: &[u8; RTCP_CLEAR] = clear.first_chunk().ok_or(Failed)?;
    let mut aad = [0; RTCP_CLEAR + RTCP_INDEX];
    let (first, last) = aad.split_at_mut(RTCP_CLEAR);
    first.copy_from_slice(clear);
    last.copy_from_slice(&word);
    Ok(aad)
}

/// The rollover counter, which the CM tag covers behind the packet.
fn rollover(index: u64) -> [u8; 4] {
    let [_, _, roc @ .., _, _] = index.to_be_bytes();
    roc
}

fn split_tag(packet: &mut [u8], len: usize) -> Result<(&mut [u8], &mut [u8]), Failed> {
    let at = packet.len().checked_sub(len).ok_or(Failed)?;
    packet.split_at_mut_checked(at).ok_or(Failed)
}

/// Ciphers with given session keys, as the vectors of RFC 7714 have them.
#[cfg(test)]
pub(super) fn test_gcm_rtp(key: [u8; KEY_LEN], salt: [u8; GCM_SALT_LEN]) -> RtpCipher {
    RtpCipher(Suite::Gcm(Box::new(Gcm { aead: Aead::new(&key).unwrap(), salt })))
}

#[cfg(test)]
pub(super) fn test_gcm_rtcp(key: [u8; KEY_LEN], salt: [u8; GCM_SALT_LEN]) -> RtcpCipher {
    RtcpCipher(Suite::Gcm(Box::new(Gcm { aead: Aead::new(&key).unwrap(), salt })))
}
