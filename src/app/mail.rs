//! Mail, where the settings have it.

use super::error::AppError;
use crate::{
    config::{ServeConfig, Switch},
    mail::{MailOffice, MailSettings},
};
use chat_mail::Mailer;
use chat_store::Store;

/// The office that takes what is to be mailed; none where there is no server for it.
///
/// # Errors
/// Where only a part of it is set, since nobody would learn of the missing one before the first letter.
pub(super) fn office(config: &ServeConfig, store: &Store) -> Result<Option<MailOffice>, AppError> {
    let mail = &config.mail;
    let missing = |name: &str| AppError::Mail(format!("CHAT_SMTP_URL is set, so {name} must be as well"));
    let Some(url) = &mail.smtp_url else {
        return match &mail.contact_to {
            Some(_) => Err(AppError::Mail("CHAT_CONTACT_TO is set, so CHAT_SMTP_URL must be as well".into())),
            None => Ok(None),
        };
    };
    let from = mail.mail_from.as_ref().ok_or_else(|| missing("CHAT_MAIL_FROM"))?;
    let public_url = mail.public_url.clone().ok_or_else(|| missing("CHAT_PUBLIC_URL"))?;
    let mailer = Mailer::new(url, from, mail.smtp_ca.as_deref())
        .map_err(|error| AppError::Mail(format!("CHAT_SMTP_CA: {error}")))?;
    let settings = MailSettings {
        mailer,
        contact: mail.contact_to.clone(),
        public_url,
        is_limited: config.limits.rate_limits == Switch::On,
        answers_every: mail.answers_every,
    };
    Ok(Some(MailOffice::new(settings, store.clone())))
}
