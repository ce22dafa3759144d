//! What is written under the name of somebody who has just been erased: another server takes it for as long as it has not
//! heard of that, and a write that waits for its database is stored later still. So it is looked for again, a few times.

use std::time::Duration;

use actix::clock;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{error::AccountError, office::Accounts};
use chat_domain::AuthorId;

/// Jobs of looking once more at what somebody wrote who was erased; the subject is a [`Sweep`].
pub(super) const SWEEP: &str = "accounts.sweep";
const KINDS: &[&str] = &[SWEEP];
/// So long one may take: longer than anything in it may wait for the database.
const HOLD: TimeDelta = TimeDelta::seconds(60);
/// How often it is looked: after 1 s, 2 s, 4 s and so on, for eight and a half minutes in all. A server hears of what holds
/// everywhere within seconds, or its lease is over; a write waits for `CHAT_STORE_WAIT_SECS` at most.
const SWEEPS: u32 = 9;
/// While something is to be swept.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Otherwise, for what a server has left behind that is gone.
const LOOK_SELDOM: Duration = Duration::from_secs(30);

/// Whose name is to be taken off what they wrote, or whose texts are to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sweep {
    pub authors: Vec<AuthorId>,
    pub with_texts: bool,
}

impl Sweep {
    /// As a job has it.
    pub fn to_subject(&self) -> String {
        let authors: Vec<&str> = self.authors.iter().map(AuthorId::as_str).collect();
        json!({"authors": authors, "texts": self.with_texts}).to_string()
    }

    fn of_subject(subject: &str) -> Option<Self> {
        let said: Value = serde_json::from_str(subject).ok()?;
        let authors = said.get("authors")?.as_array()?;
        let authors = authors.iter().map(|id| AuthorId::parse(id.as_str()?)).collect::<Option<_>>()?;
        Some(Self { authors, with_texts: said.get("texts")?.as_bool()? })
    }
}

/// After how long it is looked again that was looked at so often; `None`: that was the last time.
fn next_sweep(tries: i32) -> Option<TimeDelta> {
    let tries = u32::try_from(tries).ok().filter(|tries| *tries <= SWEEPS)?;
    1_i64.checked_shl(tries.saturating_sub(1)).map(TimeDelta::seconds)
}

/// Sweeps for as long as it runs. On each server; the database says whose turn it is.
pub(super) async fn sweep(accounts: Accounts) {
    let mut changes = accounts.changes();
    loop {
        let wait = match accounts.sweep_next().await {
            Ok(Some(true)) => continue,
            Ok(Some(false)) => LOOK_EVERY,
            Ok(None) => LOOK_SELDOM,
            Err(error) => {
                log::debug!("what was written by who was erased could not be looked at: {error}");
                LOOK_EVERY
            }
        };
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = clock::sleep(wait) => {}
        }
    }
}

impl Accounts {
    /// Does what is due; whether something was, and `None` where nothing waits, either.
    async fn sweep_next(&self) -> Result<Option<bool>, AccountError> {
        let store = &self.0.store;
        let Some(job) = self.bounded(store.take_job(KINDS, HOLD)).await? else {
            let waits = self.bounded(store.n_jobs(KINDS)).await? > 0;
            return Ok(waits.then_some(false));
        };
        if let Some(Sweep { authors, with_texts }) = Sweep::of_subject(&job.subject) {
            self.erase_authors(&authors, with_texts).await?;
            self.scrub().await;
        }
        match next_sweep(job.tries) {
            Some(wait) => self.bounded(store.postpone_job(job.id, wait)).await?,
            None => self.bounded(store.finish_job(job.id)).await?,
        }
        Ok(Some(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_for_some_minutes_and_then_no_more() {
        let waits: Vec<_> = (1..=10).map(next_sweep).collect();
        assert_eq!(waits.iter().flatten().map(TimeDelta::num_seconds).sum::<i64>(), 511);
        assert_eq!((waits[0], waits[9]), (Some(TimeDelta::seconds(1)), None));
        assert_eq!(next_sweep(i32::MAX), None);
    }

    #[test]
    fn a_job_says_whose() {
        let authors = ["a-_9", "b"].map(AuthorId::from_stored).to_vec();
        let sweep = Sweep { authors, with_texts: true };
        assert_eq!(Sweep::of_subject(&sweep.to_subject()), Some(sweep));
        for other in ["", "{}", r#"{"authors": ["a b"], "texts": true}"#, r#"{"authors": "a", "texts": true}"#] {
            assert_eq!(Sweep::of_subject(other), None, "{other}");
        }
    }
}
