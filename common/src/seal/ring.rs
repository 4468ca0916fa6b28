//! Keys that belong together: one that seals, and those before it, which still open what they sealed.

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Key, KeyId, OpenError, Sealed};

/// The newest key and the ones before it: the master keys, or the seal keys of an account. The first
/// seals, all of them open.
#[derive(Clone)]
pub struct Keyring(Vec<Key>);

impl Keyring {
    /// A ring of the newest key and the older ones that may still have sealed something.
    #[must_use]
    pub fn new(newest: Key, older: Vec<Key>) -> Self {
        let mut keys = vec![newest];
        keys.extend(older);
        Self(keys)
    }

    /// The key that seals.
    #[must_use]
    pub fn newest(&self) -> &Key {
        self.0.first().expect("a ring is made with its newest key")
    }

    /// The keys that only open.
    #[must_use]
    pub fn older(&self) -> &[Key] {
        self.0.get(1..).unwrap_or_default()
    }

    /// Whether what this key has sealed can be opened.
    #[must_use]
    pub fn has(&self, id: KeyId) -> bool {
        self.0.iter().any(|key| key.id() == id)
    }

    /// Seals with the newest key.
    #[must_use]
    pub fn seal<T: Serialize>(&self, context: &str, value: &T) -> Sealed<T> {
        self.newest().seal(context, value)
    }

    /// Seals another form of a `T` with the newest key: one that `T` can be read from.
    pub(crate) fn seal_as<T>(&self, context: &str, form: &impl Serialize) -> Sealed<T> {
        let Sealed { bytes, .. } = self.seal(context, form);
        Sealed { bytes, holds: PhantomData }
    }

    /// Opens with whichever key sealed.
    ///
    /// # Errors
    /// As [`Key::open`].
    pub fn open<T: DeserializeOwned>(&self, context: &str, sealed: &Sealed<T>) -> Result<T, OpenError> {
        self.that_sealed(sealed)?.open(context, sealed)
    }

    /// The same content under the newest key; as it is where that is what sealed it.
    ///
    /// # Errors
    /// As [`Key::open`].
    pub fn reseal<T>(&self, context: &str, sealed: &Sealed<T>) -> Result<Sealed<T>, OpenError> {
        let key = self.that_sealed(sealed)?;
        if key.id() == self.newest().id() {
            return Ok(sealed.clone());
        }
        Ok(self.newest().encrypt(context, &key.decrypt(context, sealed)?))
    }

    fn that_sealed<T>(&self, sealed: &Sealed<T>) -> Result<&Key, OpenError> {
        let id = sealed.key_id()?;
        self.0.iter().find(|key| key.id() == id).ok_or(OpenError::UnknownKey(id))
    }
}

/// The same content under the newest of `keys`; as it is where none of them opens it.
pub(crate) fn reseal<T>(keys: &Keyring, context: &str, sealed: &Sealed<T>) -> Sealed<T> {
    keys.reseal(context, sealed).unwrap_or_else(|_| sealed.clone())
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_opens_what_its_older_keys_sealed() {
        let old = Key::random();
        let sealed = old.seal("c", &1_u8);
        let ring = Keyring::new(Key::random(), vec![old]);
        assert_eq!(ring.open("c", &sealed), Ok(1));
        assert_ne!(ring.seal("c", &1_u8).key_id(), sealed.key_id());
    }

    #[test]
    fn what_is_resealed_needs_the_older_key_no_more() {
        let old = Key::random();
        let sealed = old.seal("c", &"words".to_owned());
        let new = Key::random();
        let ring = Keyring::new(new.clone(), vec![old.clone()]);
        let again = ring.reseal("c", &sealed).expect("the ring has the old key");
        assert_eq!(new.open("c", &again), Ok("words".to_owned()));
        assert_eq!(ring.reseal("c", &again).expect("the newest key sealed it"), again);
        assert_eq!(ring.reseal("d", &sealed), Err(OpenError::Damaged), "the context still counts");
        assert_eq!(Keyring::new(new, Vec::new()).reseal("c", &sealed), Err(OpenError::UnknownKey(old.id())));
    }
}
