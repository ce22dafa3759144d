use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use actix::clock::sleep;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;
use url::Url;
use uuid::Uuid;

use super::{
    event::{Event, Events},
    office::Hooks,
    telling::{Said, Telling},
};
use crate::mail::next_try;
use chat_domain::RoomId;
use chat_metrics::gauge;
use chat_store::{BROKER, HookList, StoreError, Webhook, WebhookFailed};

/// So often it is looked what there is to tell.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Where a look takes long, because there are very many rooms, the next one waits so many times as long: of the database's
/// time one in twenty at most goes into looking. Never longer than the second one.
const LOOK_SHARE: u32 = 20;
const LOOK_WAIT_MAX: Duration = Duration::from_secs(30);
/// So long the telling of a room is taken with each message: longer than one may take, so that no other server tells it too.
const HOLD: TimeDelta = TimeDelta::seconds(30);
/// Once a receiver fails for so long it is given up (doors.md, section 2).
const GIVEN_UP: TimeDelta = TimeDelta::days(3);
/// A broker that is away is the operator's own, and never given up: it is tried so often.
const BROKER_WAIT: TimeDelta = TimeDelta::seconds(5);
/// So many rooms of one receiver are looked at in a round, and so many are told of at once.
const ROOMS_MAX: i64 = 64;
const AT_ONCE_MAX: usize = 4;
/// So many changes are read at once: what waits is in the database.
const CHANGES_MAX: usize = 25;
const ENTRIES_MAX: i64 = 25;

/// Whether the telling of a room came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// All that there was, or what another server has not.
    All,
    /// The receiver failed: nothing is sent to it for a while.
    Failed,
}

/// What is done for one receiver on this server.
#[derive(Default)]
struct Round {
    /// One task, or none: how long to wait before the next.
    telling: JoinSet<Duration>,
    /// Until then nothing is looked for.
    rests_until: Option<Instant>,
}

/// Tells receivers what happens for as long as it runs. On each server; the database says whose turn it is. Each receiver
/// has a task of its own, so that a slow one is in no other's way.
pub async fn keep(hooks: Hooks) {
    let mut rounds = HashMap::<Uuid, Round>::new();
    let mut has_begun = false;
    loop {
        match receivers(&hooks, &mut has_begun).await {
            Ok(all) => {
                note_health(&hooks, &all);
                rounds.retain(|id, _| all.iter().any(|hook| hook.id == *id));
                for hook in all.into_iter().filter(|hook| hook.off_at.is_none() && !hook.waits) {
                    let round = rounds.entry(hook.id).or_default();
                    while let Some(ended) = round.telling.try_join_next() {
                        round.rests_until = Some(Instant::now() + ended.unwrap_or(LOOK_EVERY));
                    }
                    let rests = round.rests_until.is_some_and(|until| Instant::now() < until);
                    if round.telling.is_empty() && !rests {
                        round.telling.spawn(round_of(hooks.clone(), hook));
                    }
                }
            }
            Err(error) => log::debug!("who is told by webhooks could not be read: {error}"),
        }
        tokio::select! {
            () = hooks.inner().asked.notified() => {}
            () = sleep(LOOK_EVERY) => {}
        }
    }
}

/// Whoever is told, the broker included where this server has one.
async fn receivers(hooks: &Hooks, has_begun: &mut bool) -> Result<Vec<Webhook>, StoreError> {
    let inner = hooks.inner();
    let mut all = inner.store.webhooks_seen().await?;
    if let Some(broker) = &inner.broker {
        if !*has_begun {
            if inner.store.begin_broker(Events::all().stored()).await? {
                log::info!("RabbitMQ is told what happens from now on");
            }
            broker.greet(&inner.metrics).await;
            *has_begun = true;
        }
        all.extend(inner.store.broker_seen().await?);
    }
    Ok(all)
}

/// For how long the one of these that fails longest has failed.
fn failing_seconds<'a>(hooks: impl Iterator<Item = &'a Webhook>, now: DateTime<Utc>) -> i64 {
    let since = hooks.filter(|hook| hook.off_at.is_none()).filter_map(|hook| hook.failing_since).min();
    since.map_or(0, |since| now.signed_duration_since(since).num_seconds().max(0))
}

/// Says in figures how receivers are.
fn note_health(hooks: &Hooks, all: &[Webhook]) {
    let (metrics, now) = (&hooks.inner().metrics, Utc::now());
    let others = || all.iter().filter(|hook| hook.id != BROKER);
    metrics.webhooks_failing_seconds.set(failing_seconds(others(), now));
    metrics.webhooks_off.set(gauge(others().filter(|hook| hook.off_at.is_some()).count()));
    metrics.amqp_failing_seconds.set(failing_seconds(all.iter().filter(|hook| hook.id == BROKER), now));
}

/// How long looking rests after a look that took so long.
fn rest(took: Duration) -> Duration {
    took.saturating_mul(LOOK_SHARE).min(LOOK_WAIT_MAX)
}

/// Tells one receiver of the rooms that have news for it, a few at once. How long to wait before the next time.
async fn round_of(hooks: Hooks, hook: Webhook) -> Duration {
    let began = Instant::now();
    let events = hooks.inner().events(&hook);
    let found = if events.needs_messages() || events.has(Event::Room) {
        hooks.inner().store.rooms_to_tell(hook.id, hook.room.clone(), ROOMS_MAX).await
    } else {
        Ok(Vec::new())
    };
    let mut rooms = match found {
        Ok(rooms) => rooms.into_iter(),
        Err(error) => {
            log::debug!("what a webhook is to be told could not be read: {error}");
            return LOOK_EVERY;
        }
    };
    let took = began.elapsed();
    let (mut telling, mut goes_on) = (JoinSet::new(), true);
    let mut has_told = false;
    match hooks.inner().store.lists_to_tell(hook.id).await {
        // At most one of each list: beside the rooms, so that neither waits for the other.
        Ok(lists) => {
            for list in lists {
                telling.spawn(tell_list(hooks.clone(), hook.clone(), list));
            }
        }
        Err(error) => log::debug!("what a webhook is to be told could not be read: {error}"),
    }
    let n_lists = telling.len();
    loop {
        while goes_on
            && telling.len() < AT_ONCE_MAX.saturating_add(n_lists)
            && let Some(room) = rooms.next()
        {
            has_told = true;
            telling.spawn(tell(hooks.clone(), hook.clone(), room));
        }
        match telling.join_next().await {
            Some(Ok(Ok(Told::All))) => {}
            Some(Ok(Ok(Told::Failed)) | Err(_)) => goes_on = false,
            Some(Ok(Err(error))) => {
                log::debug!("what a webhook is told could not be read or noted: {error}");
                goes_on = false;
            }
            None => break,
        }
    }
    // There may be more rooms than one round has.
    if has_told && goes_on {
        hooks.inner().asked.notify_one();
        return Duration::ZERO;
    }
    rest(took)
}

/// Tells a receiver what happened in a room, in order, until it knows all or fails.
async fn tell(hooks: Hooks, hook: Webhook, room: RoomId) -> Result<Told, StoreError> {
    let store = &hooks.inner().store;
    let Some(mut claim) = store.claim_hook(hook.id, room, HOLD).await? else { return Ok(Told::All) };
    let events = hooks.inner().events(&hook);
    let mut sent = HashSet::new();
    loop {
        let from = claim.rev;
        if from == 0 && events.has(Event::Room) {
            let telling = Telling::of_new_room((hook.id, &hooks.inner().key), (&claim.room, claim.epoch), Utc::now());
            if !send(&hooks, &hook, &telling).await? {
                store.told(claim, 0, TimeDelta::zero()).await?;
                return Ok(Told::Failed);
            }
        }
        let changes = store.changes_since(&claim.room, from, CHANGES_MAX).await?;
        if changes.head.epoch != claim.epoch {
            // Another life of the room: the next claim begins there.
            let rev = claim.rev;
            store.told(claim, rev, TimeDelta::zero()).await?;
            return Ok(Told::All);
        }
        if !events.needs_messages() {
            store.told(claim, changes.head.rev, TimeDelta::zero()).await?;
            return Ok(Told::All);
        }
        for listed in &changes.messages {
            // As it is now: what was deleted since does not leave.
            let Some(message) = store.message(&claim.room, listed.id).await? else { continue };
            let event = Event::of(&message, from);
            let is_new = sent.insert((message.id, message.rev));
            if is_new && events.has(event) {
                let (place, known) = ((&claim.room, claim.epoch), (hook.id, &hooks.inner().key));
                let telling = Telling::of_message(known, event, place, &message, Utc::now());
                if !send(&hooks, &hook, &telling).await? {
                    let rev = claim.rev;
                    store.told(claim, rev, TimeDelta::zero()).await?;
                    return Ok(Told::Failed);
                }
            }
            let Some(next) = store.told(claim, listed.rev, HOLD).await? else { return Ok(Told::All) };
            claim = next;
        }
        if !changes.truncated {
            let rev = changes.head.rev.max(claim.rev);
            store.told(claim, rev, TimeDelta::zero()).await?;
            return Ok(Told::All);
        }
        sent.clear();
    }
}

/// Tells a receiver what stands in a list, in order, until it knows all or fails.
async fn tell_list(hooks: Hooks, hook: Webhook, list: HookList) -> Result<Told, StoreError> {
    let store = &hooks.inner().store;
    let Some(mut claim) = store.claim_list(hook.id, list, HOLD).await? else { return Ok(Told::All) };
    let events = hooks.inner().events(&hook);
    loop {
        let entries = store.list_entries(list, claim.position, ENTRIES_MAX).await?;
        if entries.is_empty() {
            let position = claim.position;
            store.list_told(claim, position, TimeDelta::zero()).await?;
            return Ok(Told::All);
        }
        for entry in entries {
            // As it is now: what was taken back since it was read does not leave.
            let item = if entry.item.is_some() { hooks.inner().item(list, entry.id).await? } else { None };
            if let Some(said) = item.and_then(|item| Said::of(&item, events, hook.room.as_ref())) {
                let telling = hooks.inner().entry_told(&hook, (list, entry.id), said).await?;
                if !send(&hooks, &hook, &telling).await? {
                    let position = claim.position;
                    store.list_told(claim, position, TimeDelta::zero()).await?;
                    return Ok(Told::Failed);
                }
            }
            let Some(next) = store.list_told(claim, entry.id, HOLD).await? else { return Ok(Told::All) };
            claim = next;
        }
    }
}

/// Tells a receiver one thing; whether it has taken it.
async fn send(hooks: &Hooks, hook: &Webhook, telling: &Telling) -> Result<bool, StoreError> {
    let inner = hooks.inner();
    let tried = inner.send(hook, telling).await;
    let note = telling.noted(hook, &tried);
    if tried.is_taken() {
        inner.store.webhook_went_well(note).await?;
        return Ok(true);
    }
    if hook.id == BROKER {
        inner.store.webhook_failed(note, (hook.tries, BROKER_WAIT, TimeDelta::MAX)).await?;
        return Ok(false);
    }
    let wait = next_try(hook.tries.saturating_add(1), TimeDelta::zero()).unwrap_or(GIVEN_UP);
    log::warn!(
        "a webhook was not taken ({hook}), and goes again in {wait} s",
        hook = hook.id,
        wait = wait.num_seconds()
    );
    if inner.store.webhook_failed(note, (hook.tries, wait, GIVEN_UP)).await? == WebhookFailed::Off {
        log::error!("a webhook ({}) is given up: it has failed for three days", hook.id);
        if let Some(mail) = &inner.mail {
            // Of the address, what is no secret.
            let url = Url::parse(&hook.url).ok();
            let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
            mail.webhook_off(format!("{host} ({})", hook.id)).await?;
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_domain::AuthorId;

    #[test]
    fn of_those_that_fail_the_first_is_counted_and_none_that_was_given_up() {
        let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(9);
        let hook = |failing_for: Option<i64>, is_off: bool| Webhook {
            id: Uuid::new_v4(),
            url: "https://a.example/".to_owned(),
            events: 1,
            room: None,
            by: AuthorId::from_stored("a"),
            created_at: DateTime::UNIX_EPOCH,
            tries: 1,
            waits: true,
            failing_since: failing_for.map(|seconds| now - TimeDelta::seconds(seconds)),
            off_at: is_off.then_some(now),
        };
        for (hooks, expected) in [
            (vec![], 0),
            (vec![hook(None, false)], 0),
            (vec![hook(Some(5), false), hook(Some(90), false), hook(None, false)], 90),
            (vec![hook(Some(300_000), true), hook(Some(5), false)], 5),
            // Another server's clock is ahead.
            (vec![hook(Some(-3), false)], 0),
        ] {
            assert_eq!(failing_seconds(hooks.iter(), now), expected, "{hooks:?}");
        }
    }

    #[test]
    fn a_long_look_is_a_rare_one() {
        for (took, rests) in [(0, 0), (10, 200), (1_000, 20_000), (5_000, 30_000)] {
            assert_eq!(rest(Duration::from_millis(took)), Duration::from_millis(rests));
        }
    }
}
