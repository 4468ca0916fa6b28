//! Whom to tell: variables that only those who work read.

mod mail;

use anyhow::Context as _;
use notices::{Mail, MailSettings, Networks, Notices, Signer, Webhook};
use secrecy::ExposeSecret as _;
use url::Url;

use super::problems::Reader;
use super::variables::{WEBHOOK_NETWORKS, WEBHOOK_SECRET, WEBHOOK_URL};

/// Whom to tell.
#[derive(Debug)]
pub struct NoticesConfig {
    webhook: Option<WebhookConfig>,
    mail: Option<MailSettings>,
}

#[derive(Debug)]
struct WebhookConfig {
    url: Url,
    signer: Signer,
    networks: Networks,
}

impl NoticesConfig {
    /// Reads the variables.
    pub fn read<L: Fn(&str) -> Option<String>>(env: &mut Reader<L>) -> Self {
        Self { webhook: webhook(env), mail: mail::read(env) }
    }

    /// What a worker tells with.
    ///
    /// # Errors
    /// When this system cannot speak HTTP, or TLS.
    pub fn open(self) -> anyhow::Result<Notices> {
        let mut notices = Notices::none();
        if let Some(WebhookConfig { url, signer, networks }) = self.webhook {
            notices = notices.to(Webhook::new(url, signer, networks).context("WEBHOOK_URL")?);
        }
        if let Some(mail) = self.mail {
            notices = notices.by(Mail::new(mail).context("SMTP_HOST")?);
        }
        Ok(notices)
    }
}

fn webhook<L: Fn(&str) -> Option<String>>(env: &mut Reader<L>) -> Option<WebhookConfig> {
    let url = env.optional(&WEBHOOK_URL);
    let secret = env.secret(&WEBHOOK_SECRET);
    let networks = env.value(&WEBHOOK_NETWORKS);
    let signer = secret.as_ref().map(|secret| secret.expose_secret().parse());
    if let Some(Err(_)) = &signer {
        env.add(
            &WEBHOOK_SECRET,
            "it or its file must hold whsec_ and 24 to 64 bytes in base64; several are separated by commas",
        );
    }
    let url = url?;
    if url.scheme() == "http" && networks.is_empty() {
        env.add(
            &WEBHOOK_URL,
            "must be https: only inside the networks that WEBHOOK_NETWORKS names may notices travel unencrypted",
        );
    }
    if signer.is_none() && !env.has_secret(&WEBHOOK_SECRET) {
        env.add(
            &WEBHOOK_SECRET,
            "it or WEBHOOK_SECRET_FILE must be set beside WEBHOOK_URL: `echo whsec_$(openssl rand -base64 32)` makes one",
        );
    }
    Some(WebhookConfig { url, signer: signer?.ok()?, networks })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    /// The variables that are found wrong.
    pub(super) fn wrong(pairs: &[(&'static str, &'static str)]) -> Vec<&'static str> {
        let find =
            |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let mut env = Reader::new(find);
        let config = NoticesConfig::read(&mut env);
        match env.finish(config) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.0.iter().map(|problem| problem.variable).collect(),
        }
    }

    #[test]
    fn nobody_has_to_be_told() {
        assert_eq!(wrong(&[]), Vec::<&str>::new());
    }

    #[test]
    fn a_receiver_has_a_secret_and_is_reached_encrypted() {
        let url = ("WEBHOOK_URL", "https://example.com/hook");
        let plain = ("WEBHOOK_URL", "http://10.1.2.3/hook");
        assert_eq!(wrong(&[url, ("WEBHOOK_SECRET", SECRET)]), Vec::<&str>::new());
        assert_eq!(wrong(&[url]), ["WEBHOOK_SECRET"]);
        assert_eq!(wrong(&[url, ("WEBHOOK_SECRET", "hunter2")]), ["WEBHOOK_SECRET"]);
        assert_eq!(wrong(&[url, ("WEBHOOK_SECRET_FILE", "/nowhere")]), ["WEBHOOK_SECRET_FILE"]);
        assert_eq!(wrong(&[plain, ("WEBHOOK_SECRET", SECRET)]), ["WEBHOOK_URL"]);
        assert_eq!(
            wrong(&[plain, ("WEBHOOK_SECRET", SECRET), ("WEBHOOK_NETWORKS", "10.0.0.0/8")]),
            Vec::<&str>::new()
        );
        assert_eq!(
            wrong(&[("WEBHOOK_URL", "ftp://example.com"), ("WEBHOOK_NETWORKS", "here")]),
            ["WEBHOOK_URL", "WEBHOOK_NETWORKS"]
        );
    }
}
