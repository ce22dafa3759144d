//! Somebody by each door in one room on two servers, while these are killed and what is between them is away: nobody
//! misses a message, is shown one twice or in another order, and what was answered is stored once (P1 to P9 at once).

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    rc::Rc,
    time::Duration,
};

use chat_wire::{AckPayload, ErrorCode, MessagePayload, ResumePoint};
use futures_util::FutureExt;
use tokio::time::sleep;
use uuid::Uuid;

#[cfg(feature = "grpc")]
use super::by_grpc::ByGrpc;
use super::{
    rows::{BySocketIo, ByStomp, Door, Requests, Socket},
    table::OPEN,
};
use crate::support::{Database, History, Proxy, Redis, Server, Who, message, soon, was_broken, whole};

/// Everybody has at least so many messages stored.
const SAID_MIN: usize = 20;
/// Then they go, and come back to the other server, from where they were.
const SAID_IN_A_LIFE: usize = 12;

/// Where they are.
struct Place {
    /// A server that was killed has none in its place until another one has begun.
    servers: RefCell<[Option<Rc<Server>>; 2]>,
    n_said: Cell<usize>,
    is_over: Cell<bool>,
}

impl Place {
    /// Waits until so much more was stored.
    async fn goes_on(&self, more: usize) {
        let wanted = self.n_said.get() + more;
        soon("people to go on", async || self.n_said.get() >= wanted).await;
    }

    /// Ends one in the middle of whatever it does; another one takes its place.
    async fn kills(&self, which: usize, database: &Database, settings: &[(&str, &str)]) {
        let killed = self.servers.borrow_mut()[which].take().expect("a server");
        killed.signal("KILL");
        // Meanwhile there is the other one.
        self.goes_on(5).await;
        let server = Rc::new(Server::with(database, settings).await);
        self.servers.borrow_mut()[which] = Some(server);
    }
}

/// What somebody saw and was answered, over all connections.
struct Heard {
    who: Who,
    known: Option<ResumePoint>,
    list: BTreeMap<i64, MessagePayload<'static>>,
    acks: Vec<AckPayload>,
    n_lives: usize,
}

impl Heard {
    /// A connection is over: what came over it, which is what was not known before.
    fn adds(&mut self, history: &History) {
        for (seq, message) in &history.list {
            let before = self.list.insert(*seq, message.clone());
            assert!(before.is_none(), "{seq} was known and came again");
        }
        self.known = history.resume_point().or(self.known.take());
        self.n_lives += 1;
    }
}

/// Comes, writes, goes, and comes back to the other server, until all is over. A key is sent until it is answered.
async fn somebody<D: Door>(place: &Place, name: &str) -> Heard {
    let who = Who::named(name);
    let mut heard = Heard { who, known: None, list: BTreeMap::new(), acks: Vec::new(), n_lives: 0 };
    let text = |n: usize| message(Uuid::new_v4(), &format!("{name} {n}"));
    let mut saying = text(0);
    let is_done = |heard: &Heard| place.is_over.get() && heard.acks.len() >= SAID_MIN;
    for turn in 0.. {
        if is_done(&heard) {
            break;
        }
        let server = place.servers.borrow()[turn % 2].clone();
        // Not there at all, or no more: what a door says of that is its own.
        let entering = async {
            let server = server.as_ref()?;
            let entering = D::enter(server, "post", heard.who.clone(), heard.known.clone(), false);
            Some((AssertUnwindSafe(entering).catch_unwind().await.ok()?, server))
        };
        let Some((mut door, server)) = entering.await else {
            assert!(turn < 2_000, "{name} never gets in: see above");
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let until = heard.acks.len() + SAID_IN_A_LIFE;
        while heard.acks.len() < until && !is_done(&heard) {
            match AssertUnwindSafe(door.send(server, &saying)).catch_unwind().await {
                Ok(Ok(ack)) => {
                    heard.acks.push(ack);
                    place.n_said.set(place.n_said.get() + 1);
                    saying = text(heard.acks.len());
                }
                Ok(Err(refused)) => {
                    let is_later = matches!(refused.code, ErrorCode::Overloaded | ErrorCode::StoreUnavailable);
                    assert!(is_later, "{name}: {refused:?}");
                    sleep(Duration::from_millis(50)).await;
                }
                Err(_) => break,
            }
        }
        let (_, history) = door.gone();
        heard.adds(&history);
    }
    heard
}

/// Comes a last time, to this server, and reads to the end.
async fn catches_up<D: Door>(mut heard: Heard, server: &Server, stored: &[MessagePayload<'static>]) {
    let mut door = D::enter(server, "post", heard.who.clone(), heard.known.clone(), false).await;
    door.reach(i64::try_from(stored.len()).expect("a number")).await;
    let (who, history) = door.gone();
    heard.adds(&history);
    let shown: Vec<_> = heard.list.into_values().collect();
    assert_eq!(shown, stored, "{who:?}");
    for ack in &heard.acks {
        let found = stored.iter().filter(|message| message.client_id == ack.client_id).collect::<Vec<_>>();
        let [message] = found[..] else { panic!("answered, and stored {} times: {ack:?}", found.len()) };
        assert_eq!((&*message.id, message.seq), (ack.id.as_str(), ack.seq));
    }
    assert!(heard.n_lives > 2, "{who:?} came {} times", heard.n_lives);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_each_door_shows_every_message_once_and_in_order() {
    let (database, redis) = (Database::postgres().await, Redis::start().await);
    let line = Proxy::to(redis.address()).await;
    let bus = format!("redis://{}", line.address);
    let settings = [&OPEN[..], &[("CHAT_BUS", bus.as_str()), ("CHAT_POLL_SECS", "0.2")]].concat();
    let begun = [Server::with(&database, &settings).await, Server::with(&database, &settings).await];
    let servers = RefCell::new(begun.map(|server| Some(Rc::new(server))));
    let place = Place { servers, n_said: Cell::new(0), is_over: Cell::new(false) };
    let trouble = async {
        place.goes_on(20).await;
        place.kills(0, &database, &settings).await;
        place.goes_on(20).await;
        line.down();
        place.goes_on(20).await;
        // A server that begins without its bus is one as well.
        place.kills(1, &database, &settings).await;
        place.goes_on(20).await;
        line.calm();
        place.goes_on(20).await;
        line.set(|weather| weather.holds_answers = true);
        place.goes_on(20).await;
        place.kills(0, &database, &settings).await;
        line.calm();
        place.goes_on(20).await;
        place.is_over.set(true);
    };
    #[cfg(feature = "grpc")]
    let by_grpc = somebody::<ByGrpc>(&place, "gRPC");
    #[cfg(not(feature = "grpc"))]
    let by_grpc = async {};
    let everybody = async {
        tokio::join!(
            trouble,
            somebody::<Socket>(&place, "socket"),
            somebody::<Requests>(&place, "requests"),
            somebody::<ByStomp>(&place, "STOMP"),
            somebody::<BySocketIo>(&place, "Socket.IO"),
            by_grpc,
        )
    };
    // No measure of anything: whoever never gets an answer ends the test all the same.
    let ended = tokio::time::timeout(Duration::from_secs(300), everybody).await;
    let ((), socket, requests, stomp, socketio, _grpc) = ended.expect("everybody to come to an end");
    assert!(!was_broken(), "a promise was broken on the way: see above");
    let stored = whole(&database, "post").await;
    let servers = place.servers.into_inner().map(|server| server.expect("a server"));
    catches_up::<Socket>(socket, &servers[0], &stored).await;
    catches_up::<Requests>(requests, &servers[1], &stored).await;
    catches_up::<ByStomp>(stomp, &servers[0], &stored).await;
    catches_up::<BySocketIo>(socketio, &servers[1], &stored).await;
    #[cfg(feature = "grpc")]
    catches_up::<ByGrpc>(_grpc, &servers[0], &stored).await;
    for server in &servers {
        server.counts("nobody to be here", "chat_sessions_live", |n| n == 0.0).await;
    }
}
