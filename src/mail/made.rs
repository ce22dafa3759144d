use std::sync::Arc;

use uuid::Uuid;

use super::office::{Inner, MailOffice};
use crate::accounts::Accounts;
use chat_mail::Letter;
use chat_metrics::Metrics;

/// What a letter is, once it is made.
pub(super) enum Made {
    /// To somebody, under an id that is the same however often it is tried; where it is about answers, up to which one.
    Letter { letter: Box<Letter>, to: String, id: Uuid, told: Option<Told> },
    /// There is nobody to write to any more, or there never was.
    Nobody,
}

/// Up to which answer a letter tells somebody.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub row: Uuid,
    pub upto: i64,
}

/// Makes letters and sends them.
pub(super) struct Worker {
    pub(super) office: MailOffice,
    pub(super) accounts: Accounts,
    pub(super) metrics: Arc<Metrics>,
}

impl Worker {
    pub(super) fn inner(&self) -> &Inner {
        self.office.inner()
    }

    /// As people know the chat: without its scheme.
    pub(super) fn host(&self) -> String {
        let url = &self.inner().settings.public_url;
        url.split_once("://").map_or(url.as_str(), |(_, host)| host).to_owned()
    }
}
