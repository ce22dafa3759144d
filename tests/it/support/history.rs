use std::collections::{BTreeMap, HashMap};

use chat_wire::{AckPayload, MessagePayload, ResumePoint, ServerFrame, WelcomePayload};
use uuid::Uuid;

/// What one client knows over all its connections, kept by the rules of docs/PROTOCOL.md ("The cursor").
/// Each frame is checked against what the server promises; a broken promise panics.
#[derive(Debug, Default)]
pub struct History {
    /// Epoch and cursor; `None` before the first WELCOME.
    epoch: Option<String>,
    pub cursor: i64,
    /// The list that a page would show.
    pub list: BTreeMap<i64, MessagePayload<'static>>,
    /// Every message ever seen, by epoch and `seq`.
    pub seen: BTreeMap<(String, i64), MessagePayload<'static>>,
    /// Every acknowledgement ever seen.
    pub acks: HashMap<Uuid, AckPayload>,
    /// The resume point of the JOIN that is not answered yet.
    asked: Option<ResumePoint>,
    joined: bool,
    /// Somebody removed rows by hand: pages may have holes.
    pub has_holes: bool,
}

impl History {
    /// Where a client with this history resumes.
    pub fn resume_point(&self) -> Option<ResumePoint> {
        let epoch = self.epoch.clone()?;
        Some(ResumePoint { epoch, rev: u64::try_from(self.cursor).expect("a cursor is not negative") })
    }

    /// A new connection: nothing of the room may come before WELCOME.
    pub fn connected(&mut self) {
        self.joined = false;
        self.asked = None;
    }

    /// A JOIN was sent.
    pub fn asked(&mut self, resume: Option<ResumePoint>) {
        self.asked = resume;
    }

    /// Takes in one frame; a BATCH frame by frame.
    pub fn take(&mut self, frame: &ServerFrame<'static>) {
        match frame {
            ServerFrame::Welcome(welcome) => self.welcome(welcome),
            ServerFrame::Message(message) => {
                assert!(self.joined, "MESSAGE before WELCOME: {message:?}");
                // Until messages can be edited every change is a message, so a jump is a message left out.
                assert_eq!(message.rev, self.cursor + 1, "the cursor is {} and there comes {message:?}", self.cursor);
                self.cursor = message.rev;
                self.put(message);
            }
            ServerFrame::Ack(ack) => {
                assert!(self.joined, "ACK before WELCOME: {ack:?}");
                let first = self.acks.entry(ack.client_id).or_insert_with(|| ack.clone());
                assert_eq!(first, ack, "a retry brings the first one's acknowledgement");
            }
            ServerFrame::Heartbeat(beat) => assert!(self.joined && beat.rev >= 0, "{beat:?}"),
            ServerFrame::Reaction(reaction) => {
                assert!(self.joined, "REACTION before WELCOME: {reaction:?}");
                assert_eq!(reaction.rev, self.cursor + 1, "the cursor is {} and there comes {reaction:?}", self.cursor);
                self.cursor = reaction.rev;
            }
            ServerFrame::Presence(_) | ServerFrame::Profile(_) | ServerFrame::Typing(_) => {
                assert!(self.joined, "before WELCOME: {frame:?}")
            }
            ServerFrame::Pong {} | ServerFrame::Reconnect(_) | ServerFrame::Error(_) => {}
            ServerFrame::Batch { .. } => panic!("a BATCH within a BATCH"),
        }
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
            assert_eq!(revs, missed, "resumed: exactly what was missed");
            assert!(missed.len() <= 500, "{} changes in one resume", missed.len());
        } else {
            let first = head.room.rev - i64::try_from(messages.len()).expect("a count") + 1;
            if !self.has_holes {
                assert_eq!(revs, (first..=head.room.rev).collect::<Vec<_>>(), "the latest page, oldest first");
                assert_eq!(head.has_more, first > 1, "hasMore with the first one at {first}");
            }
            assert!(messages.len() <= 50, "{} messages in a page", messages.len());
            self.list.clear();
        }
        self.epoch = Some(head.room.epoch.clone().into_owned());
        self.cursor = head.room.rev;
        for message in messages {
            self.put(message);
        }
    }

    fn put(&mut self, message: &MessagePayload<'static>) {
        assert_eq!(message.seq, message.rev, "until messages can be edited");
        let key = (self.epoch.clone().expect("WELCOME came first"), message.seq);
        let first = self.seen.entry(key).or_insert_with(|| message.clone());
        assert_eq!(first, message, "the same seq is the same message");
        if let Some(ack) = self.acks.get(&message.client_id).filter(|ack| ack.id == message.id) {
            assert_eq!((ack.seq, ack.rev, &*ack.created_at), (message.seq, message.rev, &*message.created_at));
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

/// Panics unless a room's counter was given out without a gap, and no client's key is there twice.
#[track_caller]
pub fn assert_whole(stored: &[MessagePayload<'static>]) {
    let seqs = stored.iter().map(|m| m.seq).collect::<Vec<_>>();
    assert_eq!(seqs, (1..).take(stored.len()).collect::<Vec<_>>(), "counters are contiguous");
    let keys = stored.iter().map(|m| (&m.author.id, m.client_id)).collect::<std::collections::HashSet<_>>();
    assert_eq!(keys.len(), stored.len(), "each message is stored once");
}
