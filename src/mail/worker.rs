use std::{sync::Arc, time::Duration};

use actix::clock::{sleep, timeout};
use chrono::TimeDelta;
use uuid::Uuid;

use super::{
    follower::follow,
    made::{Made, Told, Worker},
    office::{
        ANSWERS, ANSWERS_ASKED, CONFIRMATION, Confirming, Forgotten, INQUIRY, KINDS, MailOffice, NEW_PASSWORD, Off,
        WEBHOOK_OFF,
    },
    pace::next_try,
};
use crate::accounts::Accounts;
use chat_accounts::Email;
use chat_mail::{Inquiry, Language, SendError, confirmation, inquiry, new_password, webhook_off};
use chat_metrics::Metrics;
use chat_store::{Job, StoreError};

/// Without a word from somebody who asks, the worker looks so often: at what another server took and did not finish, and at
/// what is due again.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// So long a letter may take; then another one is tried first.
const LETTER_MAX: Duration = Duration::from_secs(60);
/// So long a letter is held: longer than it may take, so that no other server sends it as well.
const HOLD: TimeDelta = TimeDelta::seconds(120);

/// Sends what is to be mailed for as long as it runs, and looks who is to be mailed of answers. On each server; the database
/// says whose turn it is.
pub async fn keep(office: MailOffice, accounts: Accounts, metrics: Arc<Metrics>) {
    let worker = Worker { office: office.clone(), accounts: accounts.clone(), metrics };
    tokio::join!(send(worker), follow(&office, &accounts));
}

/// One letter after the other.
async fn send(worker: Worker) {
    loop {
        match worker.work().await {
            Ok(true) => {}
            Ok(false) => {
                tokio::select! {
                    () = worker.office.inner().asked.notified() => {}
                    () = sleep(LOOK_EVERY) => {}
                }
            }
            Err(error) => {
                log::debug!("what is to be mailed could not be read: {error}");
                sleep(LOOK_EVERY).await;
            }
        }
    }
}

impl Worker {
    /// Sends one letter; whether there was one.
    async fn work(&self) -> Result<bool, StoreError> {
        let store = &self.inner().store;
        let Some(job) = store.take_job(KINDS, HOLD).await? else { return Ok(false) };
        let (sent, told) = match self.made(&job).await? {
            Made::Nobody => (Ok(()), None),
            Made::Letter { letter, to, id, told } => {
                let id = id.to_string();
                let sending = timeout(LETTER_MAX, self.inner().settings.mailer.send(&letter, &to, &id)).await;
                (sending.unwrap_or_else(|_| Err(SendError::Later("it takes too long".into()))), told)
            }
        };
        match sent {
            Ok(()) => self.done(&job, told, "sent").await?,
            Err(SendError::Refused(why)) => {
                log::error!("a letter ({}) was refused for good: {why}", job.kind);
                self.done(&job, told, "refused").await?;
            }
            Err(SendError::Later(why)) => match next_try(job.tries, job.age) {
                Some(wait) => {
                    log::warn!(
                        "a letter ({}) was not taken, and goes again in {} s: {why}",
                        job.kind,
                        wait.num_seconds()
                    );
                    self.metrics.mails.inc("later");
                    store.postpone_job(job.id, wait).await?;
                }
                None => {
                    log::error!("a letter ({}) is given up after three days: {why}", job.kind);
                    self.done(&job, told, "given_up").await?;
                }
            },
        }
        Ok(true)
    }

    async fn done(&self, job: &Job, told: Option<Told>, how: &str) -> Result<(), StoreError> {
        self.metrics.mails.inc(how);
        let store = &self.inner().store;
        // Before the job is gone: else nobody would ever note it.
        if let Some(told) = told {
            self.answers_told(told, how).await?;
        }
        if how == "sent"
            && job.kind == INQUIRY
            && let Ok(id) = Uuid::parse_str(&job.subject)
        {
            store.inquiry_mailed(id).await?;
        }
        store.finish_job(job.id).await
    }

    /// The letter, from what is stored by now.
    async fn made(&self, job: &Job) -> Result<Made, StoreError> {
        match job.kind.as_str() {
            INQUIRY => self.inquiry(job).await,
            NEW_PASSWORD => self.new_password(job).await,
            WEBHOOK_OFF => Ok(self.webhook_off(job)),
            CONFIRMATION => self.confirmation(job).await,
            ANSWERS_ASKED => self.answers_asked(job).await,
            ANSWERS => self.answers(job).await,
            // None is taken that is not known.
            _ => Ok(Made::Nobody),
        }
    }

    async fn inquiry(&self, job: &Job) -> Result<Made, StoreError> {
        let settings = &self.inner().settings;
        let (Ok(id), Some(owner)) = (Uuid::parse_str(&job.subject), &settings.contact) else { return Ok(Made::Nobody) };
        let Some(stored) = self.inner().store.inquiry(id).await? else { return Ok(Made::Nobody) };
        let asked = stored.inquiry;
        let language = Language::of(&asked.locale);
        let letter = inquiry(
            language,
            Inquiry {
                name: asked.name,
                email: asked.email,
                subject: asked.subject,
                text: asked.text,
                host: self.host(),
            },
        );
        Ok(Made::Letter { letter: Box::new(letter), to: owner.as_str().to_owned(), id, told: None })
    }

    async fn new_password(&self, job: &Job) -> Result<Made, StoreError> {
        let Ok(Forgotten { id, email, language }) = serde_json::from_str(&job.subject) else { return Ok(Made::Nobody) };
        let Some((nickname, code)) = self.accounts.forgotten(&email).await? else { return Ok(Made::Nobody) };
        let url = format!("{}/reset#{code}", self.inner().settings.public_url);
        let letter = new_password(Language::of(&language), &nickname, &self.host(), url);
        Ok(Made::Letter { letter: Box::new(letter), to: email, id, told: None })
    }

    fn webhook_off(&self, job: &Job) -> Made {
        let owner = self.inner().settings.contact.as_ref();
        let (Ok(Off { id, webhook }), Some(owner)) = (serde_json::from_str(&job.subject), owner) else {
            return Made::Nobody;
        };
        let letter = webhook_off(&webhook, &self.host());
        Made::Letter { letter: Box::new(letter), to: owner.as_str().to_owned(), id, told: None }
    }

    async fn confirmation(&self, job: &Job) -> Result<Made, StoreError> {
        let Ok(Confirming { id, user, email, language }) = serde_json::from_str(&job.subject) else {
            return Ok(Made::Nobody);
        };
        let Ok(address) = Email::parse(&email) else { return Ok(Made::Nobody) };
        let Some((nickname, code)) = self.accounts.confirmation(user, address).await? else { return Ok(Made::Nobody) };
        let url = format!("{}/verify#{code}", self.inner().settings.public_url);
        let letter = confirmation(Language::of(&language), &nickname, &self.host(), url);
        Ok(Made::Letter { letter: Box::new(letter), to: email, id, told: None })
    }
}
