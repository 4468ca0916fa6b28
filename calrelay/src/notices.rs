//! `calrelay notices`: whether the receiver of webhooks still wants them; beside running processes or without any.

use crate::cli::NoticesCommand;
use crate::config::VaultConfig;
use crate::output;
use crate::vault::open;

/// Does it.
///
/// # Errors
/// When the vault cannot be used.
pub async fn run(command: NoticesCommand) -> anyhow::Result<()> {
    let opened = open::beside(&VaultConfig::place(|name| std::env::var(name).ok())?).await?;
    let vault = opened.vault.as_ref();
    let said = match (::notices::muted_since(vault).await, command) {
        (Ok(Some(since)), NoticesCommand::Show) => Ok(format!(
            "A receiver of webhooks answered 410 at {since:.0} and is sent nothing more; `calrelay notices unmute` ends that, and so does another WEBHOOK_URL."
        )),
        (Ok(Some(_)), NoticesCommand::Unmute) => ::notices::unmute(vault).await.map(|()| {
            "It is sent notices again, by running processes within 30 s. What happened meanwhile is not told.".to_owned()
        }),
        (Ok(None), NoticesCommand::Show | NoticesCommand::Unmute) => {
            Ok("No receiver of webhooks is muted: none has answered 410.".to_owned())
        }
        (Err(error), NoticesCommand::Show | NoticesCommand::Unmute) => Err(error),
    };
    opened.close().await;
    Ok(output::answer(&said?)?)
}
