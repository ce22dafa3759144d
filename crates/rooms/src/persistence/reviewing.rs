use std::sync::Arc;

use super::{
    messages::{Append, AppendResult, Outcome, Write},
    review::Verdict,
};
use crate::event::Refusal;
use chat_domain::NewMessage;
use chat_store::{AppendOutcome, Hold, HoldOutcome, HoldReason, Standing, Store, StoreError};

/// As many wait in the room as may: nobody reads so many in a minute.
const QUEUE_FULL: Refusal = Refusal::TooFast {
    sentence: "so many messages wait for those who keep order in this room that no more can",
    retry_after_ms: 60_000,
};

/// Finds out what there is to find out about a batch, and stores of it what may be stored. Given again after an error, what
/// was stored comes back as repeated, and what waits as waiting.
///
/// # Errors
/// Where the database does not answer; some of it may be stored.
pub(super) async fn store_reviewed(
    store: Store,
    batch: Vec<Append>,
    was_locked: bool,
) -> Result<Vec<Outcome>, StoreError> {
    let nothing = Standing::default();
    let asked = batch.iter().filter_map(|append| {
        let review = append.review.as_ref()?;
        Some(match &append.write {
            Write::Message(message) => review.asked(&message.room, &message.author.id, message.client_id),
            Write::Change(change) => review.asked(&change.room, &change.author, change.client_id),
        })
    });
    let mut standings = store.standing(asked.collect()).await?.into_iter();
    let (mut verdicts, mut messages, mut changes, mut holds) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for append in &batch {
        let verdict = append.review.as_ref().map_or(Verdict::Store, |review| {
            let standing = standings.next();
            review.verdict(standing.as_ref().unwrap_or(&nothing), matches!(append.write, Write::Message(_)))
        });
        match (&append.write, verdict) {
            (Write::Message(message), Verdict::Store) => messages.push(Arc::clone(message)),
            (Write::Message(message), Verdict::Hold(reason)) => holds.push(hold(message, reason)),
            (Write::Change(change), Verdict::Store) => changes.push(Arc::clone(change)),
            _ => {}
        }
        verdicts.push(verdict);
    }
    let mut messages = match (messages.is_empty(), was_locked) {
        (true, _) => Vec::new(),
        (false, true) => store.append_batch_again(messages).await?,
        (false, false) => store.append_batch(messages).await?,
    }
    .into_iter();
    let mut changes = match (changes.is_empty(), was_locked) {
        (true, _) => Vec::new(),
        (false, true) => store.change_batch_again(changes).await?,
        (false, false) => store.change_batch(changes).await?,
    }
    .into_iter();
    let mut holds = hold_all(&store, holds).await?.into_iter();
    let mut outcomes = Vec::with_capacity(batch.len());
    for (append, verdict) in batch.iter().zip(verdicts) {
        // Each list has as many as were given.
        let lost = || Outcome::Answered(AppendResult::Full);
        outcomes.push(match (&append.write, verdict) {
            (_, Verdict::Refuse(refusal)) => Outcome::Answered(AppendResult::NotNow(refusal)),
            (Write::Message(_), Verdict::Store) => messages.next().map_or_else(lost, Outcome::Message),
            (Write::Message(_), Verdict::Hold(_)) => holds.next().unwrap_or_else(lost),
            (Write::Change(_), _) => changes.next().map_or_else(lost, Outcome::Change),
        });
    }
    Ok(outcomes)
}

fn hold(message: &Arc<NewMessage>, reason: HoldReason) -> Hold {
    Hold { message: Arc::clone(message), reason }
}

/// What becomes of each. A row that the database does not take fails its batch: then each goes by itself, and that one
/// alone is refused, or it would be tried again and again before all others.
async fn hold_all(store: &Store, holds: Vec<Hold>) -> Result<Vec<Outcome>, StoreError> {
    if holds.is_empty() {
        return Ok(Vec::new());
    }
    match store.hold(holds.clone()).await {
        Err(StoreError::Broken(_)) => {}
        held => return Ok(held?.into_iter().map(answer).collect()),
    }
    let mut outcomes = Vec::with_capacity(holds.len());
    for hold in holds {
        outcomes.push(match store.hold(vec![hold]).await {
            Err(StoreError::Broken(why)) => Outcome::Message(AppendOutcome::Refused(why)),
            held => held?.into_iter().next().map_or(Outcome::Answered(AppendResult::Full), answer),
        });
    }
    Ok(outcomes)
}

fn answer(outcome: HoldOutcome) -> Outcome {
    Outcome::Answered(match outcome {
        HoldOutcome::Held { reason, is_new } => AppendResult::Held { reason, is_new },
        HoldOutcome::Rejected => AppendResult::NotNow(Refusal::Rejected),
        HoldOutcome::Stored(stored) => AppendResult::Repeated(stored),
        HoldOutcome::Conflict => AppendResult::Conflict,
        HoldOutcome::GuardChanged => AppendResult::GuardChanged,
        HoldOutcome::Full => AppendResult::NotNow(QUEUE_FULL),
        HoldOutcome::Locked => return Outcome::Message(AppendOutcome::Locked),
    })
}
