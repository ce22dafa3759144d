use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    hint::black_box,
    rc::Rc,
    sync::Arc,
};

use actix::clock::Instant;
use bytes::Bytes;
use tokio::task::yield_now;

use super::{
    codec::{self, ErrorReply},
    framing::{Framing, plain_batch},
    liveness::SessionTimes,
    messages::SessionEvent,
    outbox::Outbox,
    send_queue::Full,
    slot::Slot,
};
use chat_domain::Epoch;
use chat_metrics::Metrics;
use chat_rooms::{Batch, Codec, Command, DeliveryPosition, Event, N_CODECS, RoomKey, SessionId, Welcome};
use chat_wire::CloseCode;

/// Most sockets that are written to in a row before others have their turn on the thread.
const WRITES_IN_A_ROW_MAX: usize = 128;
/// So many sessions' memory is fetched before the first of them is written to. Each write leaves little of the caches,
/// and one session after the other would wait for memory again and again: that was a tenth of what a delivery costs
/// (`scripts/bench --only steady`).
const FETCHED_AT_ONCE: usize = 16;

/// The sessions of one worker thread, and the rooms they are in. Shared by those sessions and the actor that rooms
/// deliver to.
pub struct Hub {
    times: SessionTimes,
    metrics: Arc<Metrics>,
    sessions: RefCell<HashMap<SessionId, Rc<Slot>>>,
    rooms: RefCell<HashMap<RoomKey, Rc<RoomMembers>>>,
    /// Sessions whose outboxes have something to write.
    due: RefCell<Vec<Rc<Slot>>>,
}

/// The members of one room on this thread.
#[derive(Default)]
struct RoomMembers {
    members: RefCell<Vec<Member>>,
    /// What writes for those of them who get something else than protocol version 1 as it is, and how many those are.
    others: RefCell<Vec<(&'static dyn Framing, usize)>>,
    /// The life of the room that the last of them came to.
    epoch: Cell<Option<Epoch>>,
    /// The counter that they have been shown.
    rev: Cell<i64>,
}

/// A session's subscription to a room. Lies in the list of members, so that a delivery, which goes through that list,
/// fetches no memory for it.
struct Member {
    outbox: Rc<Outbox>,
    /// What its room gathered up to here was delivered: it was in its WELCOME, or is in the outbox.
    delivered: Cell<DeliveryPosition>,
    slot: Rc<Slot>,
}

/// Frames ready for a socket, in order, each with its position.
type Positioned = (Bytes, DeliveryPosition);

/// What a delivery has for all members of a room, as each codec has it: none where nobody on this thread gets that, but
/// always as protocol version 1.
#[derive(Default)]
pub struct Frames([Vec<Positioned>; N_CODECS]);

impl Frames {
    fn push(&mut self, batch: &Batch, at: DeliveryPosition, room: Option<&RoomMembers>) {
        self.add(Codec::V1, plain_batch(batch), at);
        for (framing, _) in room.into_iter().flat_map(|room| room.others.borrow().clone()) {
            // Whoever gets it has been told by a WELCOME which life of the room this is.
            if let Some(epoch) = room.and_then(|room| room.epoch.get()) {
                self.add(framing.codec(), framing.batch(batch, epoch), at);
            }
        }
    }

    fn add(&mut self, codec: Codec, frame: Bytes, at: DeliveryPosition) {
        if let Some(frames) = self.0.get_mut(codec.number()) {
            frames.push((frame, at));
        }
    }

    fn of(&self, codec: Codec) -> &[Positioned] {
        self.0.get(codec.number()).map_or(&[], Vec::as_slice)
    }

    fn is_empty(&self) -> bool {
        self.of(Codec::V1).is_empty()
    }

    /// How many bytes they have before they are compressed.
    pub fn n_bytes(&self) -> usize {
        self.of(Codec::V1).iter().map(|(frame, _)| frame.len()).sum()
    }
}

impl RoomMembers {
    /// One more member, or one fewer, who gets what this writes.
    fn count(&self, framing: &'static dyn Framing, is_more: bool) {
        if framing.codec() == Codec::V1 {
            return;
        }
        let mut others = self.others.borrow_mut();
        match others.iter_mut().find(|(other, _)| other.codec() == framing.codec()) {
            Some((_, n)) if is_more => *n += 1,
            Some((_, n)) => *n = n.saturating_sub(1),
            None => others.push((framing, usize::from(is_more))),
        }
        others.retain(|(_, n)| *n > 0);
    }
}

impl Member {
    /// Those of a room's frames that were not delivered yet. From now on they are.
    fn undelivered<'f>(&self, frames: &'f Frames) -> &'f [Positioned] {
        let frames = frames.of(self.outbox.codec());
        let delivered = self.delivered.get();
        let first = frames.partition_point(|(_, position)| *position <= delivered);
        if let Some((_, last)) = frames.last() {
            self.delivered.set(delivered.max(*last));
        }
        frames.get(first..).unwrap_or_default()
    }

    /// Sends what was not delivered yet.
    fn send(&self, frames: &Frames) -> Result<(), Full> {
        match self.undelivered(frames) {
            [] => Ok(()),
            frames => self.outbox.send(frames),
        }
    }

    /// Queues what was not delivered yet.
    fn push(&self, frames: &Frames) -> Result<(), Full> {
        self.outbox.push_all(self.undelivered(frames))
    }
}

impl Hub {
    /// A hub without sessions.
    pub fn new(times: SessionTimes, metrics: Arc<Metrics>) -> Rc<Self> {
        Rc::new(Self {
            times,
            metrics,
            sessions: RefCell::default(),
            rooms: RefCell::default(),
            due: RefCell::default(),
        })
    }

    /// The times that sessions are held to.
    pub fn times(&self) -> &SessionTimes {
        &self.times
    }

    /// A session opened.
    pub fn add(&self, slot: Rc<Slot>) {
        self.sessions.borrow_mut().insert(slot.id, slot);
    }

    /// Its sessions.
    pub fn sessions(&self) -> Vec<Rc<Slot>> {
        self.sessions.borrow().values().cloned().collect()
    }

    /// A session ended.
    pub fn remove(&self, id: SessionId) {
        let slot = self.sessions.borrow_mut().remove(&id);
        if let Some(slot) = slot {
            self.detach_all(&slot);
        }
    }

    /// A frame for a session of this thread, written at once. One that cannot take it is cut.
    pub fn send(&self, slot: &Slot, frame: Bytes) {
        match slot.outbox.push(frame) {
            Ok(()) => slot.outbox.flush(),
            Err(Full) => self.cut_slow(slot),
        }
    }

    /// The same from a frame's JSON.
    pub fn tell(&self, slot: &Slot, json: &[u8]) {
        self.send(slot, slot.outbox.framing().text(json));
    }

    /// Closes a session: what is queued goes first, then the close frame. Its socket is cut if the client does not
    /// answer in time, and at once where the connection is lost.
    pub fn close(&self, slot: &Slot, code: CloseCode) {
        if slot.phase().is_closed() {
            return;
        }
        self.detach_all(slot);
        let framing = slot.outbox.framing();
        let is_said = slot.outbox.say_last(framing.last(code));
        slot.ended(Some(code), Instant::now() + self.times.close_max);
        match is_said {
            false => slot.cut(),
            true if framing.is_answered() => {}
            true => slot.outbox.finish(),
        }
    }

    /// The client is gone without a close frame: nothing can be sent to it any more.
    pub fn drop_gone(&self, slot: &Slot) {
        self.detach_all(slot);
        slot.ended(None, Instant::now());
        slot.cut();
    }

    /// A client that does not read would not read a close frame either: cut at once.
    fn cut_slow(&self, slot: &Slot) {
        if !slot.phase().is_closed() {
            self.metrics.outbox_evictions.inc();
            self.detach_all(slot);
            slot.ended(Some(CloseCode::TooSlow), Instant::now());
            slot.cut();
        }
    }

    /// An ERROR is sent, about a message or not.
    pub fn count_error(&self, error: ErrorReply, about_message: bool) {
        self.metrics.errors.inc(error.code.as_str());
        if about_message {
            self.metrics.messages_refused.inc(error.code.as_str());
        }
    }

    // Deliveries of rooms.

    /// Does what a room asks for, but for the frames for all its members on this thread: these are given back.
    pub fn carry_out(&self, room: RoomKey, commands: Vec<Command>) -> Frames {
        let mut frames = Frames::default();
        for command in commands {
            match command {
                Command::Attach(welcome, at) => self.attach(room, &welcome, at),
                Command::Broadcast(batch, at) => frames.push(&batch, at, self.members(room).as_deref()),
                Command::Direct(session, event, answers) => self.direct(room, session, &event, answers, &frames),
                Command::End(session, reason, at) => {
                    self.unsubscribe(room, Some(session), codec::close_code(reason), at, &frames);
                }
                Command::EndAll(reason, at) => {
                    self.unsubscribe(room, None, codec::close_code(reason), at, &frames);
                }
            }
        }
        frames
    }

    /// A session of this thread that is not closed.
    fn open_session(&self, id: SessionId) -> Option<Rc<Slot>> {
        self.sessions.borrow().get(&id).filter(|slot| !slot.phase().is_closed()).cloned()
    }

    fn members(&self, room: RoomKey) -> Option<Rc<RoomMembers>> {
        self.rooms.borrow().get(&room).cloned()
    }

    /// A session is a member from here on and gets its WELCOME.
    fn attach(&self, room: RoomKey, welcome: &Welcome, at: DeliveryPosition) {
        let Some(slot) = self.open_session(welcome.session) else { return };
        self.detach(&slot, room);
        let framing = slot.outbox.framing();
        for chunk in framing.welcome(welcome) {
            slot.outbox.push_uncounted(chunk);
        }
        for piece in welcome.pieces.iter().flat_map(|(_, pieces)| pieces) {
            slot.outbox.push_uncounted(framing.batch(piece, welcome.epoch));
        }
        self.set_due(&slot);
        let entry = self.rooms.borrow_mut().entry(room).or_default().clone();
        let mut members = entry.members.borrow_mut();
        slot.set_index(room, members.len());
        entry.count(framing, true);
        entry.epoch.set(Some(welcome.epoch));
        members.push(Member { outbox: slot.outbox.clone(), delivered: Cell::new(at), slot });
    }

    fn detach(&self, slot: &Slot, room: RoomKey) {
        let (Some(index), Some(entry)) = (slot.index_in(room), self.members(room)) else { return };
        slot.forget(room);
        let mut members = entry.members.borrow_mut();
        // A wrong index would be a fault of ours: the hub of a whole thread must not end by it.
        if index < members.len() {
            #[expect(clippy::disallowed_methods, reason = "it was just looked at")]
            let gone = members.swap_remove(index);
            entry.count(gone.outbox.framing(), false);
        }
        if let Some(moved) = members.get(index) {
            moved.slot.set_index(room, index);
        }
        if members.is_empty() {
            self.rooms.borrow_mut().remove(&room);
        }
    }

    fn detach_all(&self, slot: &Slot) {
        for room in slot.rooms() {
            self.detach(slot, room);
        }
    }

    /// Frames for every member of a room on this thread to whom they were not delivered yet: one write for each. Who
    /// cannot take them is cut. Others have their turn in between, as a large room takes a while.
    ///
    /// From the last member to the first: where one goes meanwhile, the last one takes its index, and that one has been
    /// served. Nobody comes meanwhile, as a room has one delivery under way.
    pub async fn broadcast(&self, room: RoomKey, frames: &Frames) {
        let Some(room) = self.members(room).filter(|_| !frames.is_empty()) else { return };
        let (mut end, mut n_in_a_row) = (usize::MAX, 0);
        loop {
            let slow = {
                let members = room.members.borrow();
                end = end.min(members.len());
                let next = members.get(end.saturating_sub(FETCHED_AT_ONCE)..end).unwrap_or_default();
                black_box(next.iter().filter(|member| member.outbox.glance()).count());
                let slow = next.iter().filter(|member| member.send(frames) == Err(Full)).map(|m| m.slot.clone());
                slow.collect::<Vec<_>>()
            };
            slow.iter().for_each(|slot| self.cut_slow(slot));
            end = end.saturating_sub(FETCHED_AT_ONCE);
            if end == 0 {
                return;
            }
            n_in_a_row += FETCHED_AT_ONCE;
            if n_in_a_row >= WRITES_IN_A_ROW_MAX {
                n_in_a_row = 0;
                yield_now().await;
            }
        }
    }

    /// An event for one session, behind the frames for its whole `room` that were not delivered to it yet, and whether
    /// it answers a message of its.
    fn direct(&self, room: RoomKey, id: SessionId, event: &Event, answers: bool, before: &Frames) {
        if let Event::Refused { client_id, refusal, .. } = event {
            self.count_error(ErrorReply::from(*refusal), client_id.is_some());
        }
        let Some(slot) = self.open_session(id) else { return };
        if answers {
            let mut liveness = slot.liveness.borrow_mut();
            liveness.n_unanswered = liveness.n_unanswered.saturating_sub(1);
        }
        let queued = slot.index_in(room).zip(self.members(room)).map_or(Ok(()), |(index, entry)| {
            entry.members.borrow().get(index).map_or(Ok(()), |member| member.push(before))
        });
        match queued.and_then(|()| slot.outbox.push(slot.outbox.framing().event(event))) {
            Ok(()) => self.set_due(&slot),
            Err(Full) => self.cut_slow(&slot),
        }
    }

    /// Ends the subscriptions of a room's members on this thread, or of `only` one, whose WELCOME was before this
    /// position, behind the frames before. A session without any other is closed.
    fn unsubscribe(
        &self,
        room: RoomKey,
        only: Option<SessionId>,
        code: CloseCode,
        at: DeliveryPosition,
        before: &Frames,
    ) {
        let Some(entry) = self.members(room) else { return };
        let is_meant = |m: &&Member| m.delivered.get() < at && only.is_none_or(|id| m.slot.id == id);
        let members = entry.members.borrow();
        let ended: Vec<_> = members.iter().filter(is_meant).map(|m| (m.slot.clone(), m.push(before))).collect();
        drop(members);
        for (slot, queued) in ended {
            self.detach(&slot, room);
            match queued {
                Err(Full) => self.cut_slow(&slot),
                Ok(()) if slot.is_member() => {
                    slot.tell(SessionEvent::Unsubscribed(room));
                    self.set_due(&slot);
                }
                Ok(()) => self.close(&slot, code),
            }
        }
    }

    fn set_due(&self, slot: &Rc<Slot>) {
        if !slot.is_due.replace(true) {
            self.due.borrow_mut().push(slot.clone());
        }
    }

    /// Writes what single sessions have queued: one write for each, whatever it is sent. Others have their turn in
    /// between, as many may come at once.
    pub async fn flush(&self) {
        let due = self.due.take();
        for (n, slot) in due.iter().enumerate() {
            if n % WRITES_IN_A_ROW_MAX == WRITES_IN_A_ROW_MAX - 1 {
                yield_now().await;
            }
            slot.is_due.set(false);
            slot.outbox.flush();
        }
    }

    /// The counter that members of `room` have been shown.
    pub fn set_rev(&self, room: RoomKey, rev: i64) {
        if let Some(entry) = self.rooms.borrow().get(&room) {
            entry.rev.set(rev);
        }
    }

    /// As [`Self::set_rev`] left it.
    pub fn rev(&self, room: RoomKey) -> i64 {
        self.rooms.borrow().get(&room).map_or(0, |entry| entry.rev.get())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::rt::net::TcpStream;
    use chat_domain::RoomId;
    use chat_metrics::Labels;
    use chat_rooms::{EndReason, Messages, People, Refusal};
    use proptest::prelude::*;
    use tokio::io::AsyncReadExt;
    use uuid::Uuid;

    use super::*;
    use crate::session::{
        codec::tests::event,
        framing::{DEFLATED, PLAIN},
        outbox::tests::{outbox, outbox_of},
        phase::Phase,
    };

    const ROOM: RoomKey = RoomKey(1);
    const OTHER: RoomKey = RoomKey(2);

    fn hub() -> Rc<Hub> {
        let second = Duration::from_secs(1);
        let times = SessionTimes { heartbeat: second, silence_max: second, join_max: second, close_max: second };
        let error_codes = vec!["OVERLOADED".to_owned()];
        let labels = Labels { close_codes: vec![], error_codes, message_limits: vec![], build: ["", "", ""] };
        let metrics = Metrics::new(&prometheus::Registry::new(), &labels).expect("metrics");
        Hub::new(times, Arc::new(metrics))
    }

    /// Sessions of a hub, each with its client's end.
    async fn sessions(hub: &Hub, n: usize) -> Vec<(Rc<Slot>, TcpStream)> {
        let mut sessions = Vec::new();
        for _ in 0..n {
            let (outbox, peer, _) = outbox(1 << 20).await;
            let slot = Slot::new(SessionId(Uuid::new_v4()), outbox, hub.times(), 0.5);
            hub.add(slot.clone());
            sessions.push((slot, peer));
        }
        sessions
    }

    fn welcome(slot: &Slot, room: &str, at: DeliveryPosition) -> Command {
        let welcome = Welcome {
            session: slot.id,
            own: None,
            also: Arc::default(),
            room: RoomId::parse(room).expect("a room id"),
            epoch: Epoch::random(),
            first_seq: 0,
            rev: 0,
            resumed: false,
            has_more: false,
            people: People { count: 1, is_approximate: false, lists: None },
            heartbeat_seconds: 1,
            messages: Messages::default(),
            settings: chat_store::RoomSettings::default(),
            pieces: None,
            pinned: Vec::new(),
            edit_window: None,
            rights: None,
        };
        Command::Attach(Box::new(welcome), at)
    }

    fn broadcast(content: &str, at: DeliveryPosition) -> Command {
        Command::Broadcast(Arc::new(Batch::new(vec![event(content, 1)])), at)
    }

    async fn deliver(hub: &Hub, room: RoomKey, commands: Vec<Command>) {
        let frames = hub.carry_out(room, commands);
        hub.flush().await;
        hub.broadcast(room, &frames).await;
    }

    /// All that the client was sent, once the session has ended: of a WELCOME the room, of a message the content, for an
    /// ERROR "!", for a close frame ".".
    async fn came(slot: &Rc<Slot>, peer: &mut TcpStream) -> String {
        slot.outbox.finish();
        let mut came = Vec::new();
        peer.read_to_end(&mut came).await.expect("all of it");
        let text = String::from_utf8_lossy(&came);
        let quoted = |part: &str, key: &str| {
            let (_, rest) = part.split_once(key).expect("a frame that has it");
            rest.split('"').next().unwrap_or_default().to_owned()
        };
        let frames = text.split(r#"{"type":""#).skip(1).map(|part| match part.split('"').next() {
            Some("WELCOME") => quoted(part, r#""room":{"id":""#),
            Some("MESSAGE") => quoted(part, r#""content":""#),
            _ => "!".to_owned(),
        });
        let last = chat_wire::close_frame(CloseCode::StartOver);
        frames.collect::<String>() + if came.ends_with(&last) { "." } else { "" }
    }

    #[actix::test]
    async fn one_outbox_serves_several_rooms_each_from_its_own_position() {
        let hub = hub();
        let mut sessions = sessions(&hub, 2).await;
        let [(both, peer), (one, of_one)] = &mut sessions[..] else { panic!("two sessions") };
        let commands = |slot: &Slot| vec![welcome(slot, "W", 1), broadcast("a", 1), broadcast("b", 2)];
        deliver(&hub, ROOM, commands(both)).await;
        deliver(&hub, OTHER, vec![welcome(both, "V", 7)]).await;
        let refused = Arc::new(Event::Refused { client_id: None, refusal: Refusal::Overloaded, reason: None });
        let mut next = vec![broadcast("b", 2), broadcast("c", 3), Command::Direct(both.id, refused, true)];
        next.extend([broadcast("d", 4), welcome(one, "W", 4)]);
        deliver(&hub, ROOM, next).await;
        deliver(&hub, OTHER, vec![broadcast("g", 7), broadcast("h", 8)]).await;

        // One of its rooms sends it away, and it stays in the other one.
        let close = |slot: &Slot, at| Command::End(slot.id, EndReason::StartOver, at);
        deliver(&hub, ROOM, vec![broadcast("e", 5), close(both, 6), close(one, 4)]).await;
        assert_eq!((both.rooms(), both.phase()), (vec![OTHER], Phase::Open));
        assert_eq!((one.rooms(), one.phase()), (vec![ROOM], Phase::Open), "its WELCOME was not before that");
        deliver(&hub, ROOM, vec![broadcast("f", 7)]).await;
        deliver(&hub, OTHER, vec![broadcast("i", 9), Command::EndAll(EndReason::StartOver, 10)]).await;
        assert_eq!((both.phase(), both.close_code.get()), (Phase::Closing, Some(CloseCode::StartOver)));
        assert_eq!(hub.members(OTHER).map(|entry| entry.members.borrow().len()), None);

        deliver(&hub, ROOM, vec![close(one, 8)]).await;
        assert_eq!((one.phase(), one.is_member()), (Phase::Closing, false), "it has no other room");

        assert_eq!(came(both, peer).await, "WbVc!dhei.");
        assert_eq!(came(one, of_one).await, "Wef.");
    }

    #[actix::test]
    async fn each_member_gets_its_codec_and_nothing_is_compressed_for_nobody() {
        let hub = hub();
        let mut sessions = sessions(&hub, 1).await;
        let (outbox, peer, _) = outbox_of(&DEFLATED, 1 << 20).await;
        let slot = Slot::new(SessionId(Uuid::new_v4()), outbox, hub.times(), 0.5);
        hub.add(slot.clone());
        sessions.push((slot, peer));
        let [(plain, of_plain), (deflating, of_deflating)] = &mut sessions[..] else { panic!("two sessions") };
        let long = |rev| Arc::new(Batch::new(vec![event(&"길다 ".repeat(300), rev)]));
        let (before, first, second, after) = (long(1), long(2), long(3), long(4));
        let broadcast = |batch: &Arc<Batch>, at| Command::Broadcast(batch.clone(), at);

        deliver(&hub, ROOM, vec![welcome(plain, "W", 0), broadcast(&before, 1)]).await;
        let n_made = Cell::new(0);
        let is_compressed = |batch: &Batch| {
            n_made.set(0);
            batch.encoded(Codec::V1_DEFLATED, |_| {
                n_made.set(1);
                Bytes::new()
            });
            n_made.get() == 0
        };
        assert!(!is_compressed(&before), "nobody wants it");
        // It comes in the middle of a delivery, and its answer goes before what is for all.
        let refused = Arc::new(Event::Refused { client_id: None, refusal: Refusal::Overloaded, reason: None });
        let commands = vec![
            broadcast(&before, 1),
            welcome(deflating, "W", 1),
            broadcast(&first, 2),
            Command::Direct(deflating.id, refused.clone(), true),
        ];
        deliver(&hub, ROOM, commands).await;
        deliver(&hub, ROOM, vec![broadcast(&second, 3)]).await;
        assert!(is_compressed(&first) && is_compressed(&second));
        hub.detach_all(deflating);
        deliver(&hub, ROOM, vec![broadcast(&after, 4)]).await;
        assert!(!is_compressed(&after), "nobody wants it any more");

        let read = async |slot: &Rc<Slot>, peer: &mut TcpStream| {
            slot.outbox.finish();
            let mut came = Vec::new();
            peer.read_to_end(&mut came).await.expect("all of it");
            came
        };
        let of = |batches: &[&Arc<Batch>], framing: &dyn Framing| {
            batches.iter().flat_map(|batch| framing.batch(batch, Epoch::random()).to_vec()).collect::<Vec<_>>()
        };
        let came = read(plain, of_plain).await;
        assert!(came.ends_with(&of(&[&before, &first, &second, &after], &PLAIN)));
        let came = read(deflating, of_deflating).await;
        let answer = PLAIN.event(&refused);
        let parts = [of(&[&first], &DEFLATED), answer.to_vec(), of(&[&second], &DEFLATED)].concat();
        assert!(came.ends_with(&parts), "compressed, and in order");
        assert!(of(&[&first], &DEFLATED).len() < 600);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        /// Whoever goes while a large room is written to, everybody else gets each frame once.
        #[test]
        fn who_goes_during_a_delivery_takes_nothing_from_others(
            gone in proptest::collection::vec((0_usize..200, 0_usize..4), 0..200),
        ) {
            actix::System::new().block_on(async {
                let hub = hub();
                let mut sessions = sessions(&hub, 200).await;
                let attach = sessions.iter().map(|(slot, _)| welcome(slot, "W", 0)).collect();
                deliver(&hub, ROOM, attach).await;
                let going = async {
                    for turn in 0..4 {
                        for (index, _) in gone.iter().filter(|(_, when)| *when == turn) {
                            hub.drop_gone(&sessions[*index].0);
                        }
                        yield_now().await;
                    }
                };
                let frames = vec![broadcast("a", 1), broadcast("b", 2)];
                tokio::join!(deliver(&hub, ROOM, frames), going);
                for (slot, peer) in sessions.iter_mut().filter(|(slot, _)| !slot.phase().is_closed()) {
                    assert_eq!(came(slot, peer).await, "Wab");
                }
            });
        }
    }
}
