//! What is checked, and what was found.

use std::fmt;

/// Everything that is checked. The names are a public interface: added, never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Configuration,
    PublicUrl,
    Access,
    Proxies,
    Files,
    DataFolder,
    Disk,
    RabbitMq,
    RabbitMqRelease,
    RabbitMqTopology,
    RabbitMqRights,
    Redis,
    RedisEviction,
    RedisMemory,
    Clock,
    Vault,
    VaultDurable,
    VaultApart,
    EncryptionKey,
    ApiKeys,
    Accounts,
    Google,
    GoogleRedirect,
    GoogleClient,
    GoogleApi,
    Webhook,
    Mail,
}

impl Check {
    /// Every check, in the order of the lines.
    #[cfg(test)]
    pub(super) const ALL: [Self; 27] = [
        Self::Configuration,
        Self::PublicUrl,
        Self::Access,
        Self::Proxies,
        Self::Files,
        Self::DataFolder,
        Self::Disk,
        Self::RabbitMq,
        Self::RabbitMqRelease,
        Self::RabbitMqTopology,
        Self::RabbitMqRights,
        Self::Redis,
        Self::RedisEviction,
        Self::RedisMemory,
        Self::Clock,
        Self::Vault,
        Self::VaultDurable,
        Self::VaultApart,
        Self::EncryptionKey,
        Self::ApiKeys,
        Self::Accounts,
        Self::Google,
        Self::GoogleRedirect,
        Self::GoogleClient,
        Self::GoogleApi,
        Self::Webhook,
        Self::Mail,
    ];

    /// As it is printed.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::PublicUrl => "public-url",
            Self::Access => "access",
            Self::Proxies => "proxies",
            Self::Files => "files",
            Self::DataFolder => "data-folder",
            Self::Disk => "disk",
            Self::RabbitMq => "rabbitmq",
            Self::RabbitMqRelease => "rabbitmq-release",
            Self::RabbitMqTopology => "rabbitmq-topology",
            Self::RabbitMqRights => "rabbitmq-rights",
            Self::Redis => "redis",
            Self::RedisEviction => "redis-eviction",
            Self::RedisMemory => "redis-memory",
            Self::Clock => "clock",
            Self::Vault => "vault",
            Self::VaultDurable => "vault-durable",
            Self::VaultApart => "vault-apart",
            Self::EncryptionKey => "encryption-key",
            Self::ApiKeys => "api-keys",
            Self::Accounts => "accounts",
            Self::Google => "google",
            Self::GoogleRedirect => "google-redirect",
            Self::GoogleClient => "google-client",
            Self::GoogleApi => "google-api",
            Self::Webhook => "webhook",
            Self::Mail => "mail",
        }
    }

    /// It is as it should be.
    pub(super) fn holds(self, says: impl Into<String>) -> Finding {
        Finding { check: self, verdict: Verdict::Ok, says: says.into() }
    }

    /// It works, and somebody should know.
    pub(super) fn warns(self, says: impl Into<String>) -> Finding {
        Finding { check: self, verdict: Verdict::Warn, says: says.into() }
    }

    /// It does not work, or would not for long.
    pub(super) fn fails(self, says: impl Into<String>) -> Finding {
        Finding { check: self, verdict: Verdict::Fail, says: says.into() }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One line: `ok|warn|fail  name  sentence`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) check: Check,
    pub(super) verdict: Verdict,
    pub(super) says: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        };
        // One line, whatever a server has said.
        let says = self.says.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(f, "{verdict:<4}  {:<17}  {says}", self.check.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const CHECKLIST: &str = include_str!("../../../docs/CHECKLIST.md");

    #[test]
    fn the_checklist_marks_what_is_checked_here_and_nothing_else() {
        let ours: BTreeSet<&str> = Check::ALL.map(Check::name).into();
        assert_eq!(ours.len(), Check::ALL.len(), "two checks have one name");
        let marked = CHECKLIST.lines().filter_map(|line| line.strip_prefix("- [ ] **`")?.split('`').next());
        assert_eq!(marked.collect::<BTreeSet<_>>(), ours);
    }

    #[test]
    fn a_finding_is_one_line() {
        let line = Check::Vault.fails("it said:\n  no").to_string();
        assert_eq!(line, "fail  vault              it said: no");
    }
}
