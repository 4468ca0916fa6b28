//! Records, tokens and the throttle on Redis, and the vault on a second one.
