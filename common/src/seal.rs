//! Sealing: everything secret or personal that rests anywhere is ciphertext.
//!
//! One cipher, XChaCha20-Poly1305. A sealed value is `key id (8) ‖ nonce (24) ‖ ciphertext`, bound to
//! a context (an account or a job id) so that it cannot be moved to another one. Each account has a
//! seal key of its own, wrapped by the master key: forgetting that one key makes every copy of the
//! account's data unreadable, wherever the copies are.

mod ring;

use std::fmt;
use std::marker::PhantomData;

use crate::random;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::{BASE64, HEXLOWER};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

pub use ring::Keyring;
pub(crate) use ring::reseal;

const KEY_ID: usize = 8;
const NONCE: usize = 24;

/// A 256-bit key of the cipher. Never printed; wiped when dropped.
#[derive(Clone)]
pub struct Key {
    bytes: [u8; 32],
}

impl Drop for Key {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// The first 8 bytes of a key's SHA-256: says which key a value was sealed with, and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; KEY_ID]);

/// A `T` that only the holder of the right key can read; persisted as base64.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String", bound = "")]
pub struct Sealed<T> {
    bytes: Vec<u8>,
    holds: PhantomData<fn() -> T>,
}

/// Why a sealed value could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was sealed with a key that is not configured: the operator's trouble, not the caller's.
    #[error("the sealing key {0} is not among the configured keys")]
    UnknownKey(KeyId),
    /// It was altered, cut short, or belongs to another job or account.
    #[error("the sealed value is damaged or belongs to something else")]
    Damaged,
}

/// The text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key is 32 bytes in base64 (44 characters)")]
pub struct NotAKey;

impl Key {
    /// A fresh random key.
    #[must_use]
    pub fn random() -> Self {
        let bytes: [u8; 32] = random::bytes();
        Self { bytes }
    }

    /// Parses a key from base64, as `ENCRYPTION_KEY` and the key file hold it.
    ///
    /// # Errors
    /// When the text is not base64 of exactly 32 bytes.
    pub fn parse(text: &str) -> Result<Self, NotAKey> {
        let raw = Zeroizing::new(BASE64.decode(text.trim().as_bytes()).map_err(|_| NotAKey)?);
        let bytes = raw.as_slice().try_into().map_err(|_| NotAKey)?;
        Ok(Self { bytes })
    }

    /// The key as base64, for the key file alone.
    #[must_use]
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64.encode(&self.bytes))
    }

    /// The raw bytes, for keyed hashes.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// This key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let hash = Sha256::digest(self.bytes);
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&hash[..KEY_ID]);
        KeyId(id)
    }

    /// Seals `value` for `context`.
    #[must_use]
    pub fn seal<T: Serialize>(&self, context: &str, value: &T) -> Sealed<T> {
        let plain = Zeroizing::new(serde_json::to_vec(value).expect("sealed values are plain data"));
        self.encrypt(context, &plain)
    }

    fn encrypt<T>(&self, context: &str, plain: &[u8]) -> Sealed<T> {
        let nonce: [u8; NONCE] = random::bytes();
        let payload = Payload { msg: plain, aad: context.as_bytes() };
        let ciphertext = XChaCha20Poly1305::new(&self.bytes.into())
            .encrypt(&XNonce::from(nonce), payload)
            .expect("memory holds the ciphertext");
        let mut bytes = Vec::with_capacity(KEY_ID + NONCE + ciphertext.len());
        bytes.extend_from_slice(&self.id().0);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&ciphertext);
        Sealed { bytes, holds: PhantomData }
    }

    /// Reads `sealed`, which must have been sealed with this key for `context`.
    ///
    /// # Errors
    /// [`OpenError::UnknownKey`] for another key's value, [`OpenError::Damaged`] for anything else.
    pub fn open<T: DeserializeOwned>(&self, context: &str, sealed: &Sealed<T>) -> Result<T, OpenError> {
        let plain = self.decrypt(context, sealed)?;
        serde_json::from_slice(&plain).map_err(|_| OpenError::Damaged)
    }

    fn decrypt<T>(&self, context: &str, sealed: &Sealed<T>) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let id = sealed.key_id()?;
        if id != self.id() {
            return Err(OpenError::UnknownKey(id));
        }
        let rest = &sealed.bytes[KEY_ID..];
        let (nonce, ciphertext) = rest.split_at_checked(NONCE).ok_or(OpenError::Damaged)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| OpenError::Damaged)?;
        let payload = Payload { msg: ciphertext, aad: context.as_bytes() };
        XChaCha20Poly1305::new(&self.bytes.into())
            .decrypt(&nonce, payload)
            .map(Zeroizing::new)
            .map_err(|_| OpenError::Damaged)
    }
}

impl<T> Sealed<T> {
    /// Which key sealed this.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] when it is too short to say.
    pub fn key_id(&self) -> Result<KeyId, OpenError> {
        let id = self.bytes.first_chunk::<KEY_ID>().ok_or(OpenError::Damaged)?;
        Ok(KeyId(*id))
    }

    /// As it was sealed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes it takes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

impl Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_base64())
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl<T> Clone for Sealed<T> {
    fn clone(&self) -> Self {
        Self { bytes: self.bytes.clone(), holds: PhantomData }
    }
}

impl<T> PartialEq for Sealed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<T> Eq for Sealed<T> {}

impl<T> TryFrom<String> for Sealed<T> {
    type Error = OpenError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = BASE64.decode(text.as_bytes()).map_err(|_| OpenError::Damaged)?;
        Ok(Self { bytes, holds: PhantomData })
    }
}

impl<T> From<Sealed<T>> for String {
    fn from(sealed: Sealed<T>) -> Self {
        BASE64.encode(&sealed.bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T> fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_and_context_only() {
        let key = Key::random();
        let sealed = key.seal("job-1", &"a title".to_owned());
        assert_eq!(key.open("job-1", &sealed), Ok("a title".to_owned()));
        assert_eq!(key.open("job-2", &sealed), Err(OpenError::Damaged));
        let other = Key::random();
        assert_eq!(other.open("job-1", &sealed), Err(OpenError::UnknownKey(key.id())));
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let key = Key::random();
        let sealed = key.seal("c", &7_u32);
        for at in KEY_ID..sealed.bytes.len() {
            let mut altered = sealed.clone();
            altered.bytes[at] ^= 1;
            assert_eq!(key.open("c", &altered), Err(OpenError::Damaged), "byte {at}");
        }
        for length in 0..sealed.bytes.len() {
            let mut cut = sealed.clone();
            cut.bytes.truncate(length);
            assert!(key.open("c", &cut).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn neither_keys_nor_sealed_values_print_their_content() {
        let key = Key::random();
        let shown = format!("{key:?} {:?}", key.seal("c", &"secret".to_owned()));
        assert!(!shown.contains(key.to_base64().as_str()) && !shown.contains("secret"), "{shown}");
    }
}
