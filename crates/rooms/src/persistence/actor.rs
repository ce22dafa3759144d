use std::{collections::HashMap, sync::Arc, time::Duration};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, MessageResult, Recipient, WrapFuture,
    clock::Instant,
};
use tokio::sync::oneshot;

use super::{
    batch::{Batch, BatchQueue, LOCKED_FOR},
    messages::{Append, AppendResult, BatchLimits, Flush, GetStatus, Outcome, Persisted, Status, Write},
    refusals::Refusals,
    reviewing::store_reviewed,
};
use chat_domain::{Action, Annotations, Change, ChatMessage, NewMessage};
use chat_metrics::{Metrics, gauge, observation};
use chat_store::{AppendOutcome, ChangeOutcome, Store, StoreError, StoredMessage, Work};

/// How often a failed batch is tried again while the database is away.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// How often it is tried whether messages would be stored, where the last batch was not and nothing else waits.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How often senders that wait too long are looked for.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(250);

/// The actor.
pub struct Persistence {
    store: Store,
    limits: BatchLimits,
    metrics: Arc<Metrics>,
    queue: BatchQueue<Append>,
    /// The database did not take the last batch.
    is_away: bool,
    /// A message that it did not take: what is tried on while none waits.
    refused: Option<Arc<NewMessage>>,
    /// It is asked whether it answers.
    is_asking: bool,
    /// A write is tried.
    is_probing: bool,
    /// Since when a batch is being committed.
    committing_since: Option<Instant>,
    /// A commit is already on its way: the mailbox is being drained, or a failed batch waits to be tried again.
    commit_soon: bool,
    flush: Option<(Instant, oneshot::Sender<()>)>,
    /// A locked room will be tried again in a moment.
    locked_soon: bool,
    refusals: Refusals,
    /// The change that was counted last.
    last_change: Option<Arc<Change>>,
    /// Stored, and not answered yet: empty before the next commit ends.
    answers: Vec<(Append, AppendResult)>,
}

impl Persistence {
    /// The actor, not started.
    pub fn new(store: Store, limits: BatchLimits, metrics: Arc<Metrics>) -> Self {
        let queue = BatchQueue::new(limits.n_waiting_max, limits.n_batch_max);
        metrics.store_queue_max.set(gauge(limits.n_waiting_max));
        Self {
            store,
            limits,
            metrics,
            queue,
            is_away: false,
            refused: None,
            is_asking: false,
            is_probing: false,
            committing_since: None,
            commit_soon: false,
            flush: None,
            locked_soon: false,
            refusals: Refusals::default(),
            last_change: None,
            answers: Vec::new(),
        }
    }

    fn commit(&mut self, ctx: &mut Context<Self>) {
        // One connection writes; a batch that waits for it would fail for want of it.
        if self.is_probing {
            return;
        }
        let began = Instant::now();
        let Batch { items: batch, was_locked } = self.queue.begin(began);
        if batch.is_empty() {
            return;
        }
        let n_rows = batch.len();
        self.committing_since = Some(began);
        let (store, mut messages, mut changes) = (self.store.clone(), Vec::new(), Vec::new());
        // A batch is of one class.
        if batch.first().is_some_and(|append| append.review.is_some()) {
            let work = store_reviewed(store, batch, was_locked);
            ctx.spawn(work.into_actor(self).map(move |outcomes, this, ctx| {
                this.committed(n_rows, began, outcomes, ctx);
            }));
            return;
        }
        for append in batch {
            match append.write {
                Write::Message(message) => messages.push(message),
                Write::Change(change) => changes.push(change),
            }
        }
        let first = messages.first().map(Arc::clone);
        let work = async move {
            if messages.is_empty() {
                let outcomes = match was_locked {
                    true => store.change_batch_again(changes).await,
                    false => store.change_batch(changes).await,
                };
                return outcomes.map(|outcomes| outcomes.into_iter().map(Outcome::Change).collect());
            }
            let outcomes = match was_locked {
                true => store.append_batch_again(messages).await,
                false => store.append_batch(messages).await,
            };
            outcomes.map(|outcomes| outcomes.into_iter().map(Outcome::Message).collect())
        };
        ctx.spawn(work.into_actor(self).map(move |result, this, ctx| {
            if let (Err(_), Some(first)) = (&result, first) {
                this.refused = Some(first);
            }
            this.committed(n_rows, began, result, ctx);
        }));
    }

    fn is_back(&mut self) {
        self.is_away = false;
        self.refused = None;
        self.store.succeeded(Work::Writing);
    }

    /// With nothing to store nobody would find out that the database takes messages again; and that some time has
    /// passed says nothing. First it is asked whether it answers at all, on a connection that reads: a message that
    /// comes meanwhile finds the one that writes free.
    fn probe(&mut self, ctx: &mut Context<Self>) {
        if !self.is_away || self.queue.len() > 0 || std::mem::replace(&mut self.is_asking, true) {
            return;
        }
        let store = self.store.clone();
        let asking = async move { store.ping().await };
        ctx.spawn(asking.into_actor(self).map(|answer, this, ctx| {
            this.is_asking = false;
            if answer.is_ok() && this.is_away && this.queue.len() == 0 {
                this.try_to_write(ctx);
            }
        }));
    }

    fn try_to_write(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.is_probing, true) {
            return;
        }
        let (store, rows) = (self.store.clone(), self.refused.iter().map(Arc::clone).collect());
        let work = async move { store.probe_write(rows).await };
        ctx.spawn(work.into_actor(self).map(|result, this, ctx| {
            this.is_probing = false;
            if result.is_ok() {
                this.is_back();
            }
            this.commit(ctx);
        }));
    }

    fn committed(
        &mut self,
        n_rows: usize,
        began: Instant,
        result: Result<Vec<Outcome>, StoreError>,
        ctx: &mut Context<Self>,
    ) {
        self.committing_since = None;
        self.answer();
        match result {
            Ok(outcomes) => {
                self.is_back();
                self.metrics.batch_messages.observe(observation(n_rows));
                self.metrics.commit_seconds.observe(began.elapsed().as_secs_f64());
                let is_locked: Vec<bool> = outcomes.iter().map(Outcome::is_locked).collect();
                let (appends, given_up) = self.queue.committed(&is_locked, Instant::now());
                let outcomes = outcomes.into_iter().filter(|o| !o.is_locked());
                for (append, outcome) in appends.into_iter().zip(outcomes) {
                    if let Some(result) = self.result_of(&append.write, outcome) {
                        self.answers.push((append, result));
                    }
                }
                self.answers.extend(given_up.into_iter().map(|a| (a, AppendResult::Unavailable)));
                self.try_locked_again(ctx);
                self.commit(ctx);
                if self.committing_since.is_none() {
                    self.answer();
                } else {
                    // The database works on the next batch while hundreds are answered: `scripts/bench --only storage`
                    // compares the rate with that of a loop that answers nobody.
                    ctx.spawn(tokio::task::yield_now().into_actor(self).map(|(), this, _| this.answer()));
                }
            }
            Err(error) => {
                self.is_away = true;
                self.store.failed(Work::Writing, &error);
                self.metrics.commit_failures.inc();
                let given_up = self.queue.failed();
                answer(given_up.into_iter().map(|a| (a, AppendResult::Unavailable)));
                self.commit_soon = true;
                ctx.run_later(RETRY_AFTER, |this, ctx| {
                    this.commit_soon = false;
                    this.commit(ctx);
                });
            }
        }
        self.count_waiting();
        self.end_flush(ctx);
    }

    /// Answers what the last commit stored, where that was not done yet.
    fn answer(&mut self) {
        answer(std::mem::take(&mut self.answers));
    }

    fn count_waiting(&self) {
        self.metrics.store_queue.set(gauge(self.queue.len()));
    }

    /// Looks after the rooms that are locked, as long as there are any.
    fn try_locked_again(&mut self, ctx: &mut Context<Self>) {
        let n_locked = self.queue.n_locked();
        self.metrics.locked_rooms.set(gauge(n_locked));
        if n_locked > 0 && !std::mem::replace(&mut self.locked_soon, true) {
            ctx.run_later(LOCKED_FOR, |this, ctx| {
                this.locked_soon = false;
                if !this.commit_soon {
                    this.commit(ctx);
                }
                this.try_locked_again(ctx);
            });
        }
    }

    /// `None` where it waits on.
    fn result_of(&mut self, write: &Write, outcome: Outcome) -> Option<AppendResult> {
        Some(match (write, outcome) {
            (Write::Message(message), Outcome::Message(outcome)) => match outcome {
                AppendOutcome::Stored(stored, annotations) => {
                    self.metrics.messages_stored.inc();
                    AppendResult::Stored { epoch: stored.epoch, change: change_of(message, stored, annotations) }
                }
                AppendOutcome::Repeated(stored) => AppendResult::Repeated(stored),
                AppendOutcome::Conflict => AppendResult::Conflict,
                AppendOutcome::InvalidReply => AppendResult::InvalidReply,
                AppendOutcome::GuardChanged => AppendResult::GuardChanged,
                AppendOutcome::Refused(why) => self.refused(&why),
                AppendOutcome::Locked => return None,
            },
            (Write::Change(asked), Outcome::Change(outcome)) => match outcome {
                ChangeOutcome::Changed(epoch, change) => {
                    self.count_change(&asked.action, &change);
                    AppendResult::Stored { epoch, change: (*change).clone() }
                }
                ChangeOutcome::Unchanged(stored) => AppendResult::Repeated(stored),
                ChangeOutcome::Rejected(why) => AppendResult::Rejected(why),
                ChangeOutcome::GuardChanged => AppendResult::GuardChanged,
                ChangeOutcome::Refused(why) => self.refused(&why),
                ChangeOutcome::Locked => return None,
            },
            (_, Outcome::Answered(result)) => result,
            // A batch is of one class, and so are its outcomes.
            _ => return None,
        })
    }

    /// Several reactions that are one change come one after the other, and count as one.
    fn count_change(&mut self, action: &Action, change: &Arc<Change>) {
        let is_counted = self.last_change.as_ref().is_some_and(|last| Arc::ptr_eq(last, change));
        let kind = match action {
            Action::Edit { .. } => "edit",
            Action::Delete { .. } => "deletion",
            Action::React { .. } => "reaction",
            Action::Pin { .. } => "pin",
            Action::Restore => "restore",
            // Not asked for here: whoever erases somebody writes that past the rooms.
            Action::Unname => return,
        };
        if !is_counted {
            self.metrics.changes_stored.inc(kind);
            self.last_change = Some(change.clone());
        }
    }

    fn refused(&mut self, why: &str) -> AppendResult {
        self.metrics.messages_refused_by_store.inc();
        if let Some(n_more) = self.refusals.is_news(why, Instant::now()) {
            log::error!("the database does not take a message that was checked before: {why} ({n_more} more)");
        }
        AppendResult::Refused
    }

    fn expire(&mut self, now: Instant) {
        let (given_up, unknown) = self.queue.expire(now);
        if !unknown.is_empty() {
            self.store.failed(Work::Writing, &"a commit takes longer than messages wait");
        }
        answer(given_up.into_iter().map(|a| (a, AppendResult::Unavailable)));
        answer(unknown.into_iter().map(|a| (a, AppendResult::Unknown)));
        self.count_waiting();
    }

    fn end_flush(&mut self, ctx: &mut Context<Self>) {
        let is_over =
            self.flush.as_ref().is_some_and(|(deadline, _)| self.queue.len() == 0 || *deadline <= Instant::now());
        if let (true, Some((_, done))) = (is_over, self.flush.take_if(|_| is_over)) {
            let far = Instant::now() + Duration::from_secs(3_600);
            self.answer();
            self.expire(far);
            // Nobody may wait for it any more; that is fine.
            let _ = done.send(());
            // It holds the store, and lives on a thread that ends with the store.
            ctx.stop();
        }
    }
}

/// The change that a message is which was stored just now.
fn change_of(message: &NewMessage, stored: StoredMessage, annotations: Option<Box<Annotations>>) -> Change {
    let (NewMessage { author, content, client_id, .. }, StoredMessage { id, seq, rev, created_at, .. }) =
        (message.clone(), stored);
    Arc::new(ChatMessage { id, seq, rev, client_id, author, content, created_at, annotations }).into()
}

/// Sends each room its results in one message.
fn answer(results: impl IntoIterator<Item = (Append, AppendResult)>) {
    type Results = Vec<(u64, AppendResult)>;
    let mut by_room: HashMap<u64, (Recipient<Persisted>, Results)> = HashMap::new();
    for (append, result) in results {
        by_room.entry(append.group).or_insert_with(|| (append.reply, Vec::new())).1.push((append.token, result));
    }
    for (room, results) in by_room.into_values() {
        #[expect(
            clippy::disallowed_methods,
            reason = "a final reply: bounded by the queue's maximum, must not be lost"
        )]
        room.do_send(Persisted(results));
    }
}

impl Actor for Persistence {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1_024);
        ctx.run_interval(EXPIRY_INTERVAL, |this, ctx| {
            this.expire(Instant::now());
            this.end_flush(ctx);
        });
        ctx.run_interval(PROBE_INTERVAL, Self::probe);
    }
}

impl Handler<Append> for Persistence {
    type Result = ();

    fn handle(&mut self, append: Append, ctx: &mut Self::Context) {
        let deadline = Instant::now() + self.limits.wait_max;
        let room = append.group;
        if let Err(append) = self.queue.push(append, room, deadline) {
            let is_away = self.is_away || self.store.is_away();
            let result = if is_away { AppendResult::Unavailable } else { AppendResult::Full };
            return answer(std::iter::once((append, result)));
        }
        self.count_waiting();
        // The commit begins once the mailbox is drained, so that a burst is one batch.
        if !self.queue.is_committing() && !std::mem::replace(&mut self.commit_soon, true) {
            ctx.spawn(tokio::task::yield_now().into_actor(self).map(|(), this, ctx| {
                this.commit_soon = false;
                this.commit(ctx);
            }));
        }
    }
}

impl Handler<Flush> for Persistence {
    type Result = MessageResult<Flush>;

    fn handle(&mut self, flush: Flush, ctx: &mut Self::Context) -> Self::Result {
        let (done, wait) = oneshot::channel();
        self.flush = Some((flush.deadline, done));
        self.end_flush(ctx);
        MessageResult(wait)
    }
}

impl Handler<GetStatus> for Persistence {
    type Result = MessageResult<GetStatus>;

    fn handle(&mut self, _: GetStatus, _: &mut Self::Context) -> Self::Result {
        let n_waiting = self.queue.len();
        // A commit that takes longer than anybody waits is no answer either: the database is frozen, or locked.
        let is_stuck = self.committing_since.is_some_and(|at| at.elapsed() >= self.limits.wait_max);
        MessageResult(Status { n_waiting, is_away: is_stuck || self.is_away })
    }
}
