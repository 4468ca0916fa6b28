//! The sandbox's one RSA key: it signs identity tokens as Google does, and it is the service account's.
//!
//! It is part of the source (`key.der`, PKCS #8), so it protects nothing and proves nothing outside a sandbox.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::SignatureScheme;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::SigningKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const PRIVATE: &[u8] = include_bytes!("key.der");
const SCHEME: SignatureScheme = SignatureScheme::RSA_PKCS1_SHA256;

/// The algorithm's name in a JWT.
const ALGORITHM: &str = "RS256";

pub(crate) struct Key {
    provider: CryptoProvider,
    signing: Arc<dyn SigningKey>,
    /// PKCS #1: the modulus and the exponent.
    public: Vec<u8>,
}

/// A JWT whose signature is this key's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Signed {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl Key {
    pub(crate) fn new() -> Self {
        let provider = aws_lc_rs::default_provider();
        let der = PrivatePkcs8KeyDer::from(PRIVATE);
        let signing = provider.key_provider.load_private_key(der.into());
        let signing = signing.expect("the key in the source is a key");
        let spki = signing.public_key().expect("an RSA key tells its public half").to_vec();
        // SubjectPublicKeyInfo of 2048 bits: 24 bytes of heading, then the PKCS #1 key.
        let public = spki[24..].to_vec();
        Self { provider, signing, public }
    }

    /// The key's id in JWT headers and key sets.
    pub(crate) fn id(&self) -> String {
        Sha256::digest(&self.public).iter().take(20).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The private half, as service accounts' files hold it.
    pub(crate) fn pem() -> String {
        let text = STANDARD.encode(PRIVATE);
        let lines: Vec<&str> =
            (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
    }

    /// The public half as an entry of a JSON Web Key Set.
    pub(crate) fn jwk(&self) -> Value {
        // Two headings of 4 bytes and a zero for the sign, then 256 bytes of modulus.
        let modulus = &self.public[9..265];
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": ALGORITHM,
            "kid": self.id(),
            "n": URL_SAFE_NO_PAD.encode(modulus),
            "e": "AQAB",
        })
    }

    /// A signed JWT of these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": ALGORITHM, "kid": self.id(), "typ": "JWT"});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let signer = self.signing.choose_scheme(&[SCHEME]).expect("an RSA key signs so");
        let signature = signer.sign(message.as_bytes()).expect("signing needs nothing but the key");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// What a JWT says, if this key has signed it.
    pub(crate) fn verify(&self, jwt: &str) -> Option<Signed> {
        let signed = read(jwt)?;
        let (message, signature) = jwt.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let mut known = self.provider.signature_verification_algorithms.mapping.iter();
        let (_, algorithms) = known.find(|(scheme, _)| *scheme == SCHEME)?;
        let is_ours = signed.header["alg"] == ALGORITHM
            && algorithms
                .iter()
                .any(|one| one.verify_signature(&self.public, message.as_bytes(), &signature).is_ok());
        is_ours.then_some(signed)
    }
}

/// What a JWT says, whoever signed it.
pub(crate) fn read(jwt: &str) -> Option<Signed> {
    let mut parts = jwt.split('.');
    let (header, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let part = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
    Some(Signed { header: part(header)?, claims: part(claims)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_is_verified_and_nothing_else() {
        let key = Key::new();
        let jwt = key.sign(&json!({"sub": "7"}));
        assert_eq!(key.verify(&jwt).unwrap().claims, json!({"sub": "7"}));
        let (message, signature) = jwt.rsplit_once('.').unwrap();
        let (header, _) = message.split_once('.').unwrap();
        let other = URL_SAFE_NO_PAD.encode(r#"{"sub":"8"}"#);
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        for bad in [
            format!("{header}.{other}.{signature}"),
            format!("{none}.{other}."),
            format!("{message}."),
            format!("{jwt}.x"),
            "nonsense".to_owned(),
            String::new(),
        ] {
            assert!(key.verify(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_public_half_is_a_modulus_of_2048_bits() {
        let modulus = Key::new().jwk()["n"].as_str().unwrap().to_owned();
        let modulus = URL_SAFE_NO_PAD.decode(modulus).unwrap();
        assert_eq!(modulus.len(), 256);
        assert!(modulus[0] >= 0x80, "nothing was cut off in front");
    }
}
