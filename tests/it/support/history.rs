use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
    thread,
};

use chat_domain::Nickname;
use chat_wire::{AckPayload, MessagePayload, ReactionsPayload, ResumePoint, ServerFrame, WelcomePayload};
use uuid::Uuid;

use super::Database;

thread_local! {
    static BROKEN: Cell<bool> = const { Cell::new(false) };
}

/// Whether a history that this thread keeps has found a broken promise, also where whoever kept it went on.
#[allow(dead_code, reason = "others have this file as well, whom the panic ends")]
pub fn was_broken() -> bool {
    BROKEN.get()
}

/// Notes that it is dropped by a panic: whoever checks what comes beside a history keeps one meanwhile.
pub struct Watch;

impl Drop for Watch {
    fn drop(&mut self) {
        if thread::panicking() {
            BROKEN.set(true);
        }
    }
}

/// What one client knows over all its connections, kept by the rules of docs/PROTOCOL.md ("The cursor").
/// Each frame is checked against what the server promises; a broken promise panics.
#[derive(Debug, Default)]
pub struct History {
    /// Epoch and cursor; `None` before the first WELCOME.
    epoch: Option<String>,
    pub cursor: i64,
    /// What the room is, as the last ROOM says.
    pub room: Option<chat_wire::RoomPayload<'static>>,
    /// The list that a page would show.
    pub list: BTreeMap<i64, MessagePayload<'static>>,
    /// Every frame that came, over all connections, as JSON; kept only where it is there.
    pub frames: Option<Vec<String>>,
    /// Where the pieces lead that follow a WELCOME, until they have come.
    pub head: Option<i64>,
    /// Every message ever seen, by epoch and `seq`, in the last state that was seen.
    pub seen: BTreeMap<(String, i64), MessagePayload<'static>>,
    /// Every acknowledgement ever seen.
    pub acks: HashMap<Uuid, AckPayload>,
    /// The resume point of the JOIN that is not answered yet.
    asked: Option<ResumePoint>,
    joined: bool,
    /// Somebody removed rows by hand: pages may have holes.
    pub has_holes: bool,
    /// Another server changes messages as well: of several changes of one message the last alone may come.
    pub may_jump: bool,
}

impl History {
    /// Where a client with this history resumes.
    pub fn resume_point(&self) -> Option<ResumePoint> {
        let epoch = self.epoch.clone()?;
        Some(ResumePoint { epoch, rev: u64::try_from(self.cursor).expect("a cursor is not negative") })
    }

    /// The epoch that it is in.
    pub fn epoch(&self) -> String {
        self.epoch.clone().expect("WELCOME came first")
    }

    /// A new connection: nothing of the room may come before WELCOME.
    pub fn connected(&mut self) {
        self.joined = false;
        self.asked = None;
        self.head = None;
    }

    /// A JOIN was sent.
    pub fn asked(&mut self, resume: Option<ResumePoint>) {
        self.asked = resume;
    }

    /// Takes in one frame; a BATCH frame by frame.
    pub fn take(&mut self, frame: &ServerFrame<'static>) {
        let _watch = Watch;
        if let Some(frames) = &mut self.frames {
            frames.push(chat_wire::encode(frame));
        }
        match frame {
            ServerFrame::Welcome(welcome) => self.welcome(welcome),
            ServerFrame::Message(message) => {
                assert!(self.joined, "MESSAGE before WELCOME: {message:?}");
                self.moves_to(message.rev, message);
                self.put(message);
            }
            ServerFrame::Ack(ack) => {
                assert!(self.joined, "ACK before WELCOME: {ack:?}");
                assert_eq!(self.head, None, "before what was missed: {ack:?}");
                let first = self.acks.entry(ack.client_id).or_insert_with(|| ack.clone());
                // A repeat took no value of the counter, and is told that of the message's creation.
                let again = AckPayload { rev: ack.rev.min(first.rev), ..first.clone() };
                assert!(ack.rev == first.rev || ack.rev == ack.seq, "{ack:?} after {first:?}");
                assert_eq!(&again, ack, "a retry brings the first one's acknowledgement");
            }
            ServerFrame::Heartbeat(beat) => assert!(self.joined && beat.rev >= 0, "{beat:?}"),
            ServerFrame::Reaction(reaction) => {
                assert!(self.joined && self.head.is_none(), "before what was missed: {reaction:?}");
                self.moves_to(reaction.rev, reaction);
                self.react(reaction);
            }
            ServerFrame::Room(room) => {
                assert!(self.joined, "before the WELCOME: {frame:?}");
                self.room = Some(room.clone());
                self.keep_from(room.room.first_seq);
            }
            ServerFrame::Mod(_) | ServerFrame::Queue(_) => assert!(self.joined, "before the WELCOME: {frame:?}"),
            ServerFrame::Presence(_) | ServerFrame::Profile(_) | ServerFrame::Typing(_) => {
                assert!(self.joined && self.head.is_none(), "before what was missed: {frame:?}");
            }
            ServerFrame::Pong {} | ServerFrame::Reconnect(_) | ServerFrame::Error(_) | ServerFrame::Auth(_) => {}
            ServerFrame::Batch { .. } => panic!("a BATCH within a BATCH"),
        }
    }

    /// What is below is gone for good.
    fn keep_from(&mut self, first_seq: i64) {
        self.list.retain(|seq, _| *seq >= first_seq);
    }

    /// A change: each value of the counter comes, one after the other, but within what was missed.
    fn moves_to(&mut self, rev: i64, change: &impl std::fmt::Debug) {
        let may_jump = self.may_jump || self.head.is_some();
        let is_next = if may_jump { rev > self.cursor } else { rev == self.cursor + 1 };
        assert!(is_next, "the cursor is {} and there comes {change:?}", self.cursor);
        assert!(self.head.is_none_or(|head| rev <= head), "beyond what was missed, {:?}: {change:?}", self.head);
        self.cursor = rev;
        self.head.take_if(|head| *head == rev);
    }

    fn react(&mut self, reaction: &ReactionsPayload<'static>) {
        let Some(mut message) = self.list.get(&reaction.seq).filter(|m| m.rev < reaction.rev).cloned() else { return };
        message.rev = reaction.rev;
        let reactions = &mut message.annotations.reactions;
        for changed in &reaction.reactions {
            let place = reactions.iter().position(|known| known.emoji == changed.emoji);
            match (place, changed.count) {
                (Some(place), 0) => drop(reactions.remove(place)),
                (None, 0) => {}
                (Some(place), _) => reactions[place] = changed.clone(),
                (None, _) => reactions.push(changed.clone()),
            }
        }
        assert_eq!(message.id, reaction.id, "the place and the id are of one message");
        self.put(&message);
    }

    fn welcome(&mut self, welcome: &WelcomePayload<'static>) {
        let WelcomePayload { head, messages } = welcome;
        assert!(!self.joined, "a second WELCOME");
        self.joined = true;
        let asked = self.asked.take();
        let revs = messages.iter().map(|m| m.rev).collect::<Vec<_>>();
        if head.resumed {
            let asked = asked.expect("resumed only where that was asked for");
            assert_eq!(head.room.epoch, asked.epoch, "resumed in the epoch asked for");
            let from = i64::try_from(asked.rev).expect("a cursor");
            assert!(head.room.rev >= from, "room.rev {} is below resume.rev {from}", head.room.rev);
            let missed = (from + 1..=head.room.rev).collect::<Vec<_>>();
            if head.room.first_seq > 0 {
                // Values whose messages are gone are nobody's.
                assert!(revs.is_sorted_by(|a, b| a < b) && revs.iter().all(|rev| missed.contains(rev)), "{revs:?}");
            } else if messages.iter().all(|m| m.seq == m.rev) {
                assert_eq!(revs, missed, "resumed: exactly what was missed");
            } else {
                assert_eq!(revs.last(), missed.last(), "resumed: up to the room's counter");
                assert!(revs.is_sorted_by(|a, b| a < b) && revs.iter().all(|rev| *rev > from), "by rev: {revs:?}");
            }
            assert!(revs.len() <= 500, "{} messages in one resume", revs.len());
            if let Some(end) = head.head {
                assert_eq!((head.room.rev, messages.len()), (from, 0), "what was missed comes in pieces");
                assert!(end > from, "pieces of nothing");
            }
        } else {
            let first = head.room.rev - i64::try_from(messages.len()).expect("a count") + 1;
            let (seqs, is_plain) = (messages.iter().map(|m| m.seq), messages.iter().all(|m| m.seq == m.rev));
            if !self.has_holes && is_plain && head.room.first_seq == 0 {
                assert_eq!(revs, (first..=head.room.rev).collect::<Vec<_>>(), "the latest page, oldest first");
                assert_eq!(head.has_more, first > 1, "hasMore with the first one at {first}");
            }
            assert!(seqs.is_sorted_by(|a, b| a < b), "the latest page, oldest first");
            assert!(revs.iter().all(|rev| *rev <= head.room.rev), "beyond the counter: {revs:?}");
            assert!(messages.len() <= 50, "{} messages in a page", messages.len());
            assert_eq!(head.head, None, "a start over comes whole");
            self.list.clear();
        }
        for pinned in &head.pinned {
            assert!(pinned.annotations.pinned_at.is_some() && pinned.rev <= head.head.unwrap_or(head.room.rev));
        }
        self.head = head.head;
        self.epoch = Some(head.room.epoch.clone().into_owned());
        self.cursor = head.room.rev;
        for message in messages {
            assert!(message.seq >= head.room.first_seq, "it is gone: {message:?}");
            self.put(message);
        }
        self.keep_from(head.room.first_seq);
    }

    fn put(&mut self, message: &MessagePayload<'static>) {
        assert!(message.rev >= message.seq, "{message:?}");
        let key = (self.epoch(), message.seq);
        let known = self.seen.entry(key).or_insert_with(|| message.clone());
        // Of who was erased the name is gone for good, and the picture and the badge with it.
        let is_nobodys = message.author.nickname == Nickname::NOBODY;
        let who = |m: &MessagePayload<'static>| {
            let author = if is_nobodys { m.author.id.to_string() } else { format!("{:?}", m.author) };
            (m.id.clone(), m.client_id, author, m.created_at.clone())
        };
        assert_eq!(who(known), who(message), "the same seq is the same message");
        assert!(message.rev >= known.rev, "an older state comes later: {message:?} after {known:?}");
        if message.rev == known.rev {
            assert_eq!(known, message, "the same rev is the same state, whatever way it came");
        }
        // What a moderator deleted can be brought back.
        let is_gone = known.annotations.deleted_by.as_deref() == Some("author");
        assert!(!is_gone || message.content.is_empty(), "the text is back: {message:?}");
        assert!(
            message.annotations.deleted_at.is_none() || message.content.is_empty(),
            "the text is left: {message:?}"
        );
        known.clone_from(message);
        if let Some(ack) = self.acks.get(&message.client_id).filter(|ack| ack.id == message.id) {
            assert_eq!((ack.seq, ack.rev, &*ack.created_at), (message.seq, message.seq, &*message.created_at));
        }
        self.list.insert(message.seq, message.clone());
    }

    /// What the list shows, in order.
    pub fn contents(&self) -> Vec<&str> {
        self.list.values().map(|m| &*m.content).collect()
    }

    /// Panics unless the database has all that was shown and acknowledged.
    #[track_caller]
    pub fn agrees_with(&self, stored: &[MessagePayload<'static>]) {
        self.agrees_with_all_but_acks(stored);
        self.acks_agree_with(stored);
    }

    /// The same where what was acknowledged may be lost.
    #[track_caller]
    pub fn agrees_with_all_but_acks(&self, stored: &[MessagePayload<'static>]) {
        for message in self.list.values() {
            let index = usize::try_from(message.seq - 1).expect("a seq");
            assert_eq!(stored.get(index), Some(message), "what was shown is stored");
        }
    }

    #[track_caller]
    pub fn acks_agree_with(&self, stored: &[MessagePayload<'static>]) {
        for ack in self.acks.values() {
            let index = usize::try_from(ack.seq - 1).expect("a seq");
            let message = stored.get(index).unwrap_or_else(|| panic!("acknowledged but not stored: {ack:?}"));
            let AckPayload { client_id, id, seq, rev, created_at } = ack;
            assert_eq!(
                (message.client_id, &*message.id, message.seq, message.rev, &*message.created_at),
                (*client_id, id.as_str(), *seq, *rev, created_at.as_str())
            );
        }
    }
}

/// All messages of a room as they are stored, by `seq`. Panics unless its counter was given out without a gap, and no
/// client's key is there twice.
pub async fn whole(database: &Database, room: &str) -> Vec<MessagePayload<'static>> {
    let stored = database.messages(room).await;
    assert!(stored.iter().map(|m| m.seq).eq((1..).take(stored.len())), "{room}: counters are contiguous: {stored:?}");
    let keys = stored.iter().map(|m| (&m.author.id, m.client_id)).collect::<std::collections::HashSet<_>>();
    assert_eq!(keys.len(), stored.len(), "{room}: each message is stored once");
    stored
}
