//! Randomness: the one place where the generator is used, so that a lint keeps it out of what decides.

use rand::Rng as _;
use rand::RngExt as _;

/// A random part from 0 up to and without 1: the jitter of a wait.
#[must_use]
pub fn fraction() -> f64 {
    generator().random()
}

/// Bytes that cannot be guessed.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    generator().fill_bytes(&mut bytes);
    bytes
}

/// A name that no other process makes: sixteen hexadecimal digits.
#[must_use]
pub fn name() -> String {
    format!("{:016x}", u64::from_ne_bytes(bytes()))
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn generator() -> rand::rngs::ThreadRng {
    rand::rng()
}
