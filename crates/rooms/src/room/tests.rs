//! The room as an actor, where nothing but the actor shows it.

use std::{env, time::Duration};

use actix::{Addr, Arbiter};
use tokio::sync::{mpsc, oneshot};

use uuid::Uuid;

use super::*;
use crate::{
    Access, Backlogs, BusPort, SessionRef, Understood,
    answer::Published,
    messages::Post,
    persistence::{AppendResult, BatchLimits, Persistence, Write},
    sightings::Sightings,
    test_author, test_change,
};
use chat_domain::{AuthorId, Content, Epoch, Principal};
use chat_metrics::Labels;
use chat_store::{DatabaseUrl, SettingsChange, StoreSettings, StoredMessage};

/// Stands for a hub, for persistence and for the registry, and says what came.
struct Everything {
    commands: mpsc::UnboundedSender<Command>,
    /// What it answers to whatever is appended.
    appended: Vec<AppendResult>,
    /// Or whom it hands it.
    appends: Option<mpsc::UnboundedSender<Append>>,
}

impl Actor for Everything {
    type Context = Context<Self>;
}

impl Handler<Deliver> for Everything {
    type Result = MessageResult<Deliver>;

    fn handle(&mut self, deliver: Deliver, _: &mut Self::Context) -> Self::Result {
        for command in deliver.commands {
            self.commands.send(command).expect("the test listens");
        }
        MessageResult(Instant::now())
    }
}

impl Handler<Append> for Everything {
    type Result = ();

    fn handle(&mut self, append: Append, _: &mut Self::Context) {
        if let Some(appends) = &self.appends {
            return appends.send(append).expect("the test listens");
        }
        let results = self.appended.iter().map(|result| (append.token, result.clone())).collect();
        append.reply.try_send(Persisted(results)).expect("a room");
    }
}

impl Handler<RoomIdle> for Everything {
    type Result = ();

    fn handle(&mut self, _: RoomIdle, _: &mut Self::Context) {}
}

/// A room on an empty database, and what its hub is told.
struct World {
    room: Addr<Room>,
    hub: Addr<Everything>,
    commands: mpsc::UnboundedReceiver<Command>,
    folder: std::path::PathBuf,
    store: Store,
}

impl World {
    /// Messages are stored, or that is what becomes of each.
    async fn new(appended: Vec<AppendResult>) -> Self {
        Self::with(appended, None).await
    }

    /// The same, or the test says what becomes of what it is handed.
    async fn with(appended: Vec<AppendResult>, appends: Option<mpsc::UnboundedSender<Append>>) -> Self {
        let folder = env::temp_dir().join(format!("rtc_room_{}", Uuid::new_v4().simple()));
        let url = DatabaseUrl::parse(&format!("sqlite://{}/chat.db", folder.display())).expect("a URL");
        let store = Store::new(&url, &StoreSettings::default()).expect("a store");
        store.migrate().await.expect("tables");
        let labels = Labels { close_codes: vec![], error_codes: vec![], message_limits: vec![], build: ["", "", ""] };
        let metrics = Arc::new(Metrics::new(&prometheus::Registry::new(), &labels).expect("metrics"));
        let is_stored = appended.is_empty() && appends.is_none();
        let (sender, commands) = mpsc::unbounded_channel();
        let hub = Everything { commands: sender, appended, appends }.start();
        let limits = RoomLimits {
            access: Access::default(),
            n_sessions_max: 10,
            read_timeout: Duration::from_secs(30),
            heartbeat_seconds: 30,
            backlogs: Backlogs::new(usize::MAX),
            edit_window: Some(Duration::from_secs(900)),
            understood: Understood::default(),
            bus: BusPort::default(),
            sightings: Sightings::default(),
        };
        let batches = BatchLimits { n_waiting_max: 10, n_batch_max: 10, wait_max: Duration::from_secs(30) };
        let persistence = match is_stored {
            true => Persistence::new(store.clone(), batches, metrics.clone()).start().recipient(),
            false => hub.clone().recipient(),
        };
        let id = RoomId::parse("post").expect("a room id");
        let room =
            Room::new(RoomKey(1), id, limits, store.clone(), persistence, hub.clone().recipient(), metrics).start();
        Self { room, hub, commands, folder, store }
    }

    async fn join(&self) -> Membership {
        let (reply, answer) = oneshot::channel();
        let deliver = self.hub.clone().recipient();
        let join = Join {
            room: RoomId::parse("post").expect("a room id"),
            session: SessionRef { id: SessionId(Uuid::new_v4()), hub: HubId(0), deliver },
            principal: Principal::anonymous(AuthorId::from_stored("author")),
            profile: None,
            resume: None,
            thread: Arbiter::current(),
            reply,
        };
        self.room.send(join).await.expect("a room");
        answer.await.expect("an answer").expect("a membership")
    }

    /// Publishes as a request does, by somebody who is no member.
    fn publish(&self, key: u128, content: &str) -> oneshot::Receiver<Result<Published, Refusal>> {
        let (answer, answered) = oneshot::channel();
        let author = test_author(7);
        let publish = Publish {
            principal: Principal::anonymous(author.id),
            profile: Some((author.nickname, author.avatar)),
            post: post(Uuid::from_u128(key), content),
            received: Instant::now(),
            reply: ReplyTo::Once(answer),
        };
        self.room.try_send(publish).expect("a room");
        answered
    }

    /// What the room shows.
    async fn snapshot(&self) -> Snapshot {
        let ask = GetSnapshot { n_messages: 10, members: MembersWanted::No };
        self.room.send(ask).await.expect("a room").expect("a room that was loaded")
    }

    async fn next_command(&mut self, is_it: impl Fn(&Command) -> bool) -> Command {
        loop {
            let command = self.commands.recv().await.expect("a command");
            if is_it(&command) {
                return command;
            }
        }
    }
}

fn post(client_id: Uuid, content: &str) -> Post {
    let content = Content::parse(content).expect("a content");
    Post { client_id, content, reply_to: None, mentions: vec![] }
}

/// Whether this brings members a message with this text.
fn shows(command: &Command, text: &str) -> bool {
    let is_it = |event: &Arc<Event>| matches!(&**event, Event::Message(m) if m.message().content.as_str() == text);
    matches!(command, Command::Broadcast(batch, _) if batch.events().iter().any(is_it))
}

impl Drop for World {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).unwrap_or_default();
    }
}

#[actix::test]
async fn a_room_that_is_told_to_end_with_sessions_in_it_ends_and_sends_them_away() {
    let mut world = World::new(vec![AppendResult::Full]).await;
    let membership = world.join().await;
    world.room.send(Retire).await.expect("a room");
    // Two of one room must not live: the registry spawns another one for whoever comes now.
    let closed = world.next_command(|command| matches!(command, Command::EndAll(..))).await;
    assert!(matches!(closed, Command::EndAll(EndReason::RoomEnded, _)));
    assert!(!world.room.connected());
    drop(membership);
}

#[actix::test]
async fn who_is_no_member_gets_one_answer_and_members_see_the_message() {
    let mut world = World::new(Vec::new()).await;
    let membership = world.join().await;
    let published = world.publish(1, "hello").await.expect("an answer").expect("a stored message");
    assert!(!published.is_repeated);
    assert_eq!((published.stored.seq, published.stored.rev), (1, 1));
    world.next_command(|command| shows(command, "hello")).await;
    let shown = world.snapshot().await;
    let [message] = &shown.messages[..] else { panic!("one message: {:?}", shown.messages) };
    assert_eq!(StoredMessage::of(message, shown.epoch), published.stored);
    assert_eq!((&message.author, message.content.as_str()), (&test_author(7), "hello"));

    let again = world.publish(1, "hello").await.expect("an answer").expect("a stored message");
    assert_eq!(again, Published { is_repeated: true, ..published });
    let other = world.publish(1, "other").await.expect("an answer").expect_err("another content");
    assert_eq!(other, Refusal::ClientIdConflict);
    // Whoever asked is gone before the answer.
    drop(world.publish(2, "bye"));
    world.next_command(|command| shows(command, "bye")).await;
    assert_eq!(world.snapshot().await.messages.len(), 2);
    drop(membership);
}

/// What a command is checked against changes faster than it can be looked at.
#[actix::test]
async fn who_is_never_checked_against_what_holds_is_told_to_try_again() {
    let world = World::new(vec![AppendResult::GuardChanged]).await;
    assert_eq!(world.publish(1, "hello").await.expect("an answer"), Err(Refusal::Overloaded));
    // Those behind it wait for no answer that never comes.
    let (one, two) = (world.publish(2, "one"), world.publish(3, "two"));
    assert_eq!(one.await.expect("an answer"), Err(Refusal::Overloaded));
    assert_eq!(two.await.expect("an answer"), Err(Refusal::Overloaded));
}

fn answer(append: &Append, result: AppendResult) {
    append.reply.try_send(Persisted(vec![(append.token, result)])).expect("a room");
}

fn text(append: &Append) -> &str {
    let Write::Message(message) = &append.write else { panic!("a message: {append:?}") };
    message.content.as_str()
}

/// Two are under way while who may do what changes, and a third one comes when the room knows of it already: nobody
/// overtakes themselves.
#[actix::test]
async fn what_was_checked_against_what_held_before_goes_before_what_comes_later() {
    let (sender, mut appends) = mpsc::unbounded_channel();
    let world = World::with(Vec::new(), Some(sender)).await;
    let membership = world.join().await;
    let answers = [world.publish(1, "one"), world.publish(2, "two")];
    let (one, two) = (appends.recv().await.expect("a write"), appends.recv().await.expect("a write"));
    assert_eq!([text(&one), text(&two)], ["one", "two"]);

    let room = Some(RoomId::parse("post").expect("a room id"));
    let (settings, by) = (serde_json::Map::new(), AuthorId::from_stored("owner"));
    let change = SettingsChange { room, settings, known_rev: 0, by, undoes: None };
    world.store.change_settings(change).await.expect("an answer");
    answer(&one, AppendResult::GuardChanged);
    // By now the room has read it, or is about to.
    let third = world.publish(3, "three");
    world.snapshot().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let fourth = world.publish(4, "four");
    world.snapshot().await;
    answer(&two, AppendResult::GuardChanged);
    let mut told = Vec::new();
    for _ in 0..4 {
        let append = appends.recv().await.expect("a write");
        assert!(append.write.guard_rev() > one.write.guard_rev());
        told.push(text(&append).to_owned());
        answer(&append, AppendResult::Refused);
    }
    assert_eq!(told, ["one", "two", "three", "four"]);
    for answered in answers.into_iter().chain([third, fourth]) {
        assert_eq!(answered.await.expect("an answer"), Err(Refusal::NotStorable));
    }
    drop(membership);
}

#[actix::test]
async fn who_is_no_member_hears_once_that_the_database_is_away() {
    let away = World::new(vec![AppendResult::Unavailable]).await;
    let refusal = away.publish(1, "hello").await.expect("an answer");
    assert_eq!(refusal, Err(Refusal::StoreUnavailable));
    // The commit that nothing was known of came after all: that is shown, and not answered again.
    let (epoch, change) = (Epoch::random(), test_change(1));
    let slow = World::new(vec![AppendResult::Unknown, AppendResult::Stored { epoch, change }]).await;
    assert_eq!(slow.publish(1, "hello").await.expect("an answer"), Err(Refusal::StoreUnavailable));
    drop(slow.join().await);
    assert!(slow.snapshot().await.messages.is_empty(), "the stand-in stores nothing");
    let (answer, answered) = oneshot::channel();
    let (principal, reply) = (Principal::anonymous(test_author(1).id), ReplyTo::Once(answer));
    let recall = Recall { principal, post: post(Uuid::nil(), "hello"), refusal: Refusal::Overloaded, reply };
    slow.room.send(recall).await.expect("a room");
    assert_eq!(answered.await.expect("an answer"), Err(Refusal::Overloaded));
}
