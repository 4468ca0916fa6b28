//! Signing as Standard Webhooks 1.0 asks for, so that a receiver knows who speaks.

use std::fmt;
use std::str::FromStr;

use standardwebhooks::Webhook;

/// The spec wants no fewer.
const SHORTEST: usize = 24;
/// And no more.
const LONGEST: usize = 64;
/// What a secret may begin with.
const PREFIX: &str = "whsec_";

/// Signs with every secret it has: while a secret is being replaced, receivers may know either.
pub struct Signer(Vec<Webhook>);

/// The text is not a list of secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a secret is whsec_ and 24 to 64 bytes in base64; several are separated by commas")]
pub struct NotASecret;

impl Signer {
    /// The value of `webhook-signature` for `body`, sent as `id` at `seconds` since 1970.
    pub(super) fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        let signatures: Vec<String> = self
            .0
            .iter()
            .map(|secret| secret.sign(id, seconds, body.as_bytes()).expect("the body is text"))
            .collect();
        signatures.join(" ")
    }
}

impl FromStr for Signer {
    type Err = NotASecret;

    fn from_str(text: &str) -> Result<Self, NotASecret> {
        text.trim().split(',').map(|secret| parse(secret.trim())).collect::<Result<_, _>>().map(Self)
    }
}

fn parse(text: &str) -> Result<Webhook, NotASecret> {
    let encoded = text.strip_prefix(PREFIX).unwrap_or(text);
    // Base64 with its padding: three bytes for four characters.
    let bytes = encoded.trim_end_matches('=').len() * 3 / 4;
    if !(SHORTEST..=LONGEST).contains(&bytes) {
        return Err(NotASecret);
    }
    Webhook::new(text).map_err(|_| NotASecret)
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} secrets)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    #[test]
    fn signatures_are_those_of_the_spec() {
        // The example of the specification's reference implementations.
        let (id, at, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        let signer: Signer = SECRET.parse().expect("a secret");
        assert_eq!(signer.sign(id, at, body), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_secret_signs() {
        let signer: Signer = format!("{SECRET}, {OTHER}\n").parse().expect("secrets");
        let alone = |secret: &str| secret.parse::<Signer>().expect("a secret").sign("id", 17, "{}");
        assert_eq!(signer.sign("id", 17, "{}"), format!("{} {}", alone(SECRET), alone(OTHER)));
    }

    #[test]
    fn weak_or_garbled_secrets_are_refused() {
        for bad in [
            "",
            "whsec_",
            "hunter2",
            "whsec_c2hvcnQ=",
            &format!("{SECRET},"),
            &"A".repeat(89),
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!",
        ] {
            assert_eq!(bad.parse::<Signer>().err(), Some(NotASecret), "{bad}");
        }
        assert!("A".repeat(32).parse::<Signer>().is_ok());
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(format!("{:?}", SECRET.parse::<Signer>()), "Ok(Signer(1 secrets))");
    }
}
