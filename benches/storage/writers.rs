use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, Addr, AsyncContext, Context, Handler, System};
use chat_domain::{Action, ChatMessage, Emoji, NewChange};
use chat_metrics::{Labels, Metrics};
use chat_rooms::persistence::{Append, AppendResult, BatchLimits, Persisted, Persistence, Write};
use chat_store::Store;
use prometheus::Registry;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Messages, N_BATCH, rate};

/// Writers that each wait for their answer.
pub const N_WRITERS: usize = 1_000;
/// Of so many commands one is a reaction, where there are some.
pub const REACTION_EVERY: usize = 20;
/// People react to what was just said: to one of so many messages of a room.
const N_RECENT: usize = 50;
const EMOJIS: [&str; 6] = ["👍", "❤️", "😂", "🎉", "😮", "😢"];

/// All writers at once: for each answer the next command.
struct Writers {
    persistence: Addr<Persistence>,
    messages: Messages,
    reaction_every: Option<usize>,
    /// The latest messages of each room, by its number.
    recent: Vec<VecDeque<Arc<ChatMessage>>>,
    n: Counts,
    began: Instant,
    length: Duration,
    done: Option<oneshot::Sender<(f64, f64)>>,
}

#[derive(Default)]
struct Counts {
    commands: usize,
    messages: usize,
    reactions: usize,
    waiting: usize,
}

/// What went through the actor, a second; and the mean of commands in a batch.
pub struct Through {
    pub messages: f64,
    pub reactions: f64,
    pub n_batch: f64,
}

impl Writers {
    /// The writer's number is the command's token, so that one who waits is not asked twice.
    fn write(&mut self, writer: u64, ctx: &Context<Self>) {
        self.n.waiting += 1;
        self.n.commands += 1;
        let is_reaction = self.reaction_every.is_some_and(|every| self.n.commands.is_multiple_of(every));
        let reaction = if is_reaction { self.reaction(writer as usize) } else { None };
        let (write, room) = reaction.unwrap_or_else(|| {
            let message = self.messages.next(writer as usize);
            (Write::Message(message), self.messages.n % self.messages.rooms.len())
        });
        self.persistence.do_send(Append {
            token: writer,
            write,
            review: None,
            reply: ctx.address().recipient(),
            group: room as u64,
        });
    }

    /// Somebody reacts to one of the latest messages; nothing where the room has none yet.
    fn reaction(&self, writer: usize) -> Option<(Write, usize)> {
        let n = self.n.commands / REACTION_EVERY;
        let room = n % self.messages.rooms.len();
        let recent = &self.recent[room];
        let message = recent.get((n * 7) % recent.len().max(1))?;
        let change = NewChange {
            room: self.messages.rooms[room].clone(),
            message: message.id,
            author: self.messages.authors[writer % self.messages.authors.len()].id.clone(),
            also: Arc::default(),
            client_id: Uuid::from_u128(u128::MAX - self.n.commands as u128),
            guard_rev: 0,
            action: Action::React { emoji: Emoji::parse(EMOJIS[n % EMOJIS.len()]).expect("an emoji"), on: true },
        };
        Some((Write::Change(Arc::new(change)), room))
    }

    fn count(&mut self, result: AppendResult) {
        match result {
            AppendResult::Stored { change, .. } if change.reactions.is_none() => {
                self.n.messages += 1;
                // As `Messages` numbers them.
                let n_rooms = self.messages.rooms.len() as u128;
                let recent = &mut self.recent[(change.message.client_id.as_u128() % n_rooms) as usize];
                recent.truncate(N_RECENT - 1);
                recent.push_front(change.message);
            }
            AppendResult::Stored { .. } => self.n.reactions += 1,
            // The same person has reacted with it before: that is answered as well.
            AppendResult::Repeated(_) if self.reaction_every.is_some() => self.n.reactions += 1,
            other => panic!("all are new: {other:?}"),
        }
    }
}

impl Actor for Writers {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.began = Instant::now();
        (0..N_WRITERS).for_each(|writer| self.write(writer as u64, ctx));
    }
}

impl Handler<Persisted> for Writers {
    type Result = ();

    fn handle(&mut self, Persisted(results): Persisted, ctx: &mut Self::Context) {
        self.n.waiting -= results.len();
        let goes_on = self.began.elapsed() < self.length;
        for (writer, result) in results {
            self.count(result);
            if goes_on {
                self.write(writer, ctx);
            }
        }
        if self.n.waiting == 0
            && let Some(done) = self.done.take()
        {
            let rates = (rate(self.n.messages, self.began), rate(self.n.reactions, self.began));
            done.send(rates).expect("somebody waits");
        }
    }
}

/// All writers send what `messages` has next; where `reaction_every` is given, one command of so many is a reaction.
pub fn through_actor(store: &Store, messages: Messages, reaction_every: Option<usize>, length: Duration) -> Through {
    let labels =
        Labels { close_codes: Vec::new(), error_codes: Vec::new(), message_limits: Vec::new(), build: ["", "", ""] };
    let metrics = Arc::new(Metrics::new(&Registry::new(), &labels).expect("metrics"));
    let limits = BatchLimits { n_waiting_max: 10_000, n_batch_max: N_BATCH, wait_max: Duration::from_secs(5) };
    let (store, told) = (store.clone(), Arc::clone(&metrics));
    let (messages, reactions) = System::new().block_on(async move {
        // As in the server: persistence lives on the store's thread.
        let kept = store.clone();
        let started = store.run_on_thread(|| Persistence::new(kept, limits, told).start()).await;
        let persistence = started.expect("the store's thread");
        let (done, wait) = oneshot::channel();
        let recent = vec![VecDeque::new(); messages.rooms.len()];
        let (n, began, done) = (Counts::default(), Instant::now(), Some(done));
        Writers { persistence, messages, reaction_every, recent, n, began, length, done }.start();
        wait.await.expect("a rate")
    });
    let batches = &metrics.batch_messages;
    Through { messages, reactions, n_batch: batches.get_sample_sum() / batches.get_sample_count() as f64 }
}
