//! Looks who was answered, in the rooms where somebody waits for that: behind the room's counter, as it is stored, so that a
//! message costs nothing more when it is written. On each server; the database says whose turn it is.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use actix::clock::sleep;
use serde_json::json;
use uuid::Uuid;

use super::office::{ANSWERS, KEPT_MAX, MailOffice};
use crate::accounts::Accounts;
use chat_domain::AuthorId;
use chat_store::{AnswerFound, AnswerMark, AnswerWaiter, StoreError};

/// So often it is looked who was answered.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Where a look takes long the next one waits so many times as long: of the database's time one in twenty at most goes into
/// looking. Never longer than the second one.
const LOOK_SHARE: u32 = 20;
const LOOK_WAIT_MAX: Duration = Duration::from_secs(30);
/// So often those are forgotten who were mailed nothing for long.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// Who is to be told of answers.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Telling {
    /// The same however often the letter is tried.
    pub id: Uuid,
    /// Their row.
    pub row: Uuid,
}

/// Looks for as long as it runs.
pub async fn follow(office: &MailOffice, accounts: &Accounts) {
    let mut swept: Option<Instant> = None;
    loop {
        let began = Instant::now();
        if let Err(error) = look(office, accounts).await {
            log::debug!("who was answered could not be read or noted: {error}");
        }
        if swept.is_none_or(|at| at.elapsed() >= SWEEP_EVERY) && office.inner().store.sweep_answers().await.is_ok() {
            swept = Some(Instant::now());
        }
        let rests = began.elapsed().saturating_mul(LOOK_SHARE).min(LOOK_WAIT_MAX);
        sleep(rests.max(LOOK_EVERY)).await;
    }
}

async fn look(office: &MailOffice, accounts: &Accounts) -> Result<(), StoreError> {
    let store = &office.inner().store;
    if !store.anybody_waits().await? {
        return Ok(());
    }
    for from in store.rooms_with_answers().await? {
        let Some(read) = store.answers_behind(from.clone()).await? else { continue };
        let marked = marks(&read.waiters, &read.answers, |author| accounts.owner(author));
        store.note_answers(from, read.place, marked).await?;
    }
    for row in store.due_answers().await? {
        let subject = json!(Telling { id: Uuid::now_v7(), row }).to_string();
        if store.queue_answers(row, (ANSWERS, subject), KEPT_MAX).await? {
            office.inner().asked.notify_one();
        }
    }
    Ok(())
}

/// Whether somebody has answered what whoever waits wrote: nobody is told of what they say to themselves.
pub(super) fn is_for(waits: &AuthorId, answer: &AnswerFound, owner: impl Fn(&AuthorId) -> AuthorId) -> bool {
    let own = owner(waits);
    owner(&answer.to) == own && owner(&answer.by) != own
}

/// Who was answered, from the first answer to the last one that is new to them. Pure. `owner` says whose an identity is.
fn marks(waiters: &[AnswerWaiter], answers: &[AnswerFound], owner: impl Fn(&AuthorId) -> AuthorId) -> Vec<AnswerMark> {
    // Many wait for the same person: each answer is looked at once for each of them, and not once for each who waits.
    let mut to = HashMap::<AuthorId, Vec<i64>>::new();
    for answer in answers {
        let (by, whose) = (owner(&answer.by), owner(&answer.to));
        if by != whose {
            to.entry(whose).or_default().push(answer.seq);
        }
    }
    let mark = |waiter: &AnswerWaiter| {
        let mut new = to.get(&owner(&waiter.author))?.iter().copied().filter(|seq| *seq > waiter.told_rev);
        let first = new.next()?;
        Some(AnswerMark { id: waiter.id, first, last: new.next_back().unwrap_or(first) })
    };
    waiters.iter().filter_map(mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(name: &str) -> AuthorId {
        AuthorId::from_stored(name)
    }

    fn waiter(n: u128, author: &str, told_rev: i64) -> AnswerWaiter {
        AnswerWaiter { id: Uuid::from_u128(n), author: who(author), told_rev }
    }

    fn answer(seq: i64, by: &str, to: &str) -> AnswerFound {
        AnswerFound { message: seq, seq, by: who(by), to: who(to) }
    }

    fn marked(waiters: &[AnswerWaiter], answers: &[AnswerFound]) -> Vec<(u128, i64, i64)> {
        // What `phone` wrote is the cat's.
        let owner = |author: &AuthorId| if author.as_str() == "phone" { who("cat") } else { author.clone() };
        marks(waiters, answers, owner).iter().map(|m| (m.id.as_u128(), m.first, m.last)).collect()
    }

    #[test]
    fn who_was_answered_is_told_from_the_first_to_the_last() {
        let answers =
            [answer(3, "dog", "cat"), answer(4, "dog", "owl"), answer(6, "owl", "cat"), answer(9, "cat", "dog")];
        let waiters = [waiter(1, "cat", 0), waiter(2, "dog", 0), waiter(3, "bat", 0)];
        assert_eq!(marked(&waiters, &answers), [(1, 3, 6), (2, 9, 9)]);
    }

    #[test]
    fn what_was_before_or_was_mailed_is_not_new() {
        let answers = [answer(3, "dog", "cat"), answer(6, "owl", "cat")];
        assert_eq!(marked(&[waiter(1, "cat", 3), waiter(2, "cat", 6)], &answers), [(1, 6, 6)]);
    }

    #[test]
    fn nobody_is_told_of_what_they_say_to_themselves_from_whichever_device() {
        let answers = [answer(3, "cat", "cat"), answer(4, "phone", "cat"), answer(5, "cat", "phone")];
        assert_eq!(marked(&[waiter(1, "cat", 0), waiter(2, "phone", 0)], &answers), []);
        let answers = [answer(6, "dog", "phone")];
        assert_eq!(marked(&[waiter(1, "cat", 0), waiter(2, "phone", 0)], &answers), [(1, 6, 6), (2, 6, 6)]);
        let own = |author: &AuthorId| author.clone();
        assert!(is_for(&who("cat"), &answer(1, "dog", "cat"), own));
        assert!(
            !is_for(&who("cat"), &answer(1, "cat", "cat"), own) && !is_for(&who("cat"), &answer(1, "dog", "owl"), own)
        );
    }
}
