//! The room as an actor, where nothing but the actor shows it.

use std::env;

use actix::{Addr, Arbiter};
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::{Backlogs, SessionRef};
use chat_metrics::Labels;
use chat_store::{DatabaseUrl, StoreSettings};

/// Stands for a hub, for persistence and for the registry, and says what came.
struct Everything {
    commands: mpsc::UnboundedSender<Command>,
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

    fn handle(&mut self, _: Append, _: &mut Self::Context) {}
}

impl Handler<RoomIdle> for Everything {
    type Result = ();

    fn handle(&mut self, _: RoomIdle, _: &mut Self::Context) {}
}

/// A room on an empty database, and what its hub is told.
async fn room() -> (Addr<Room>, Addr<Everything>, mpsc::UnboundedReceiver<Command>, std::path::PathBuf) {
    let folder = env::temp_dir().join(format!("rtc_room_{}", Uuid::new_v4().simple()));
    let url = DatabaseUrl::parse(&format!("sqlite://{}/chat.db", folder.display())).expect("a URL");
    let store = Store::new(&url, &StoreSettings::default()).expect("a store");
    store.migrate().await.expect("tables");
    let labels = Labels { close_codes: vec![], error_codes: vec![], message_limits: vec![], build: ["", "", ""] };
    let metrics = Metrics::new(&prometheus::Registry::new(), &labels).expect("metrics");
    let (commands, told) = mpsc::unbounded_channel();
    let everything = Everything { commands }.start();
    let limits = RoomLimits {
        n_sessions_max: 10,
        read_timeout: Duration::from_secs(30),
        heartbeat_seconds: 30,
        backlogs: Backlogs::new(usize::MAX),
        #[cfg(debug_assertions)]
        swaps_order: false,
    };
    let room = Room::new(
        RoomKey(1),
        RoomId::parse("post").expect("a room id"),
        limits,
        store,
        everything.clone().recipient(),
        everything.clone().recipient(),
        Arc::new(metrics),
    );
    (room.start(), everything, told, folder)
}

#[actix::test]
async fn a_room_that_is_told_to_end_with_sessions_in_it_ends_and_sends_them_away() {
    let (room, hub, mut told, folder) = room().await;
    let (reply, answer) = oneshot::channel();
    let session = SessionRef { id: SessionId(Uuid::new_v4()), hub: HubId(0), deliver: hub.recipient() };
    let join = Join {
        room: RoomId::parse("post").expect("a room id"),
        session,
        author_id: AuthorId::from_stored("author"),
        profile: None,
        resume: None,
        thread: Arbiter::current(),
        reply,
    };
    room.send(join).await.expect("a room");
    let membership = answer.await.expect("an answer").expect("a membership");
    room.send(Retire).await.expect("a room");
    // Two of one room must not live: the registry spawns another one for whoever comes now.
    let mut closed = None;
    while closed.is_none() {
        let command = told.recv().await.expect("a command");
        closed = if let Command::EndAll(reason, _) = command { Some(reason) } else { None };
    }
    assert_eq!(closed, Some(EndReason::RoomEnded));
    assert!(!room.connected());
    drop(membership);
    std::fs::remove_dir_all(folder).unwrap_or_default();
}
