//! The port `TokenCache`.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::account::{AccountId, Generation};
use crate::time;

/// A token that Google takes for about an hour.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The bearer token.
    pub secret: SecretString,
    /// Google stops taking it then.
    pub expires_at: Timestamp,
    /// The connection it was made from.
    pub generation: Generation,
}

/// A token is refreshed this long before Google stops taking it, as Google's own libraries do.
const SKEW: Duration = Duration::from_secs(225);
/// No token is kept longer, whatever it says of itself.
const LONGEST: Duration = time::hours(1);

impl AccessToken {
    /// Until when the token is used: less the skew, or half its life when it lives shorter than two skews.
    #[must_use]
    pub fn good_until(&self, now: Timestamp) -> Timestamp {
        let life = time::until(now, self.expires_at);
        let used = if life < SKEW * 2 { life / 2 } else { life - SKEW };
        time::after(now, used.min(LONGEST))
    }
}

/// Keeps access tokens while they are good. A cache: losing it costs a refresh, never a job.
#[async_trait]
pub trait TokenCache: Send + Sync {
    /// The token of this connection of the account, if one is known to be good for a while yet.
    async fn get(&self, account: &AccountId, generation: Generation, now: Timestamp) -> Option<AccessToken>;

    /// Keeps a token until shortly before it expires, and never longer than an hour.
    async fn put(&self, account: &AccountId, token: &AccessToken, now: Timestamp);

    /// Forgets the token that Google refused, but not a newer one.
    async fn forget(&self, account: &AccountId, refused: &AccessToken);

    /// Waits for the right to refresh this account's token: one holder at a time. Look into the
    /// cache again once you hold it.
    async fn refresh_turn(&self, account: &AccountId) -> RefreshTurn;
}

/// The right to refresh one account's token; ends when dropped.
pub struct RefreshTurn {
    _held: Box<dyn Send>,
}

impl RefreshTurn {
    /// A turn that ends when `held` is dropped.
    #[must_use]
    pub fn holding(held: impl Send + 'static) -> Self {
        Self { _held: Box::new(held) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good_until(now: Timestamp, expires_at: Timestamp) -> Timestamp {
        let secret = SecretString::from("t");
        AccessToken { secret, expires_at, generation: Generation(1) }.good_until(now)
    }

    #[test]
    fn a_token_is_used_less_the_skew_half_its_life_and_never_beyond_an_hour() {
        let now = Timestamp::UNIX_EPOCH;
        for (life, used) in
            [(3_600, 3_375), (86_400, 3_600), (3_826, 3_600), (450, 225), (449, 224), (10, 5), (0, 0)]
        {
            let until = good_until(now, time::after(now, Duration::from_secs(life)));
            assert_eq!(time::until(now, until).as_secs(), used, "a life of {life} s");
        }
        let past = time::after(now, time::hours(1));
        assert_eq!(good_until(past, now), past, "a token that is dead on arrival");
    }
}
