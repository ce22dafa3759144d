//! The plan against a database that fits on a page: it says what is asked of it, and writes what the plan says.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use uuid::Uuid;

use super::{Facts, RoomFacts, plan};
use crate::model::ChangeOutcome;
use chat_domain::{
    Action, Annotations, Author, AuthorId, AvatarName, ChangeRefusal, ChatMessage, Content, DeletedBy, Emoji, Epoch,
    NewChange, NewMentions, Nickname, PINS_MAX, REACTION_AUTHORS_MAX, REACTIONS_MAX, RoomId,
};

const EMOJIS: [&str; 24] = [
    "😀", "😁", "😂", "🤣", "😃", "😄", "😅", "😆", "😉", "😊", "😋", "😎", "😍", "😘", "😗", "😙", "😚", "🙂", "🤗",
    "🤩", "🤔", "🤨", "😐", "😑",
];

struct Memory {
    room: RoomFacts,
    n_messages: i64,
    messages: BTreeMap<i64, ChatMessage>,
    reactions: BTreeSet<(i64, AuthorId, Emoji)>,
    edits: HashMap<(i64, i32), (String, Uuid)>,
    removed: HashMap<i64, String>,
}

fn author(n: usize) -> AuthorId {
    AuthorId::from_stored(&format!("author {n}"))
}

fn emoji(n: usize) -> Emoji {
    Emoji::parse(EMOJIS[n % EMOJIS.len()]).expect("an emoji")
}

fn room() -> RoomId {
    RoomId::parse("post").expect("a room id")
}

fn is_pinned(message: &ChatMessage) -> bool {
    message.annotations.as_ref().is_some_and(|a| a.pinned_at.is_some())
}

impl Memory {
    /// So many messages, by three authors in turn.
    fn with(n_messages: i64) -> Self {
        let message = |n: i64| {
            let id = author(usize::try_from(n % 3).expect("a number"));
            let avatar = AvatarName::derived_from(&id);
            let author = Author { id, nickname: Nickname::from_stored("수달".to_owned()), avatar, badge: None };
            let content = Content::parse(&format!("text {n}")).expect("a content");
            let (client_id, created_at) = (Uuid::from_u128(n.unsigned_abs().into()), DateTime::UNIX_EPOCH);
            (n, ChatMessage { id: n, seq: n, rev: n, client_id, author, content, created_at, annotations: None })
        };
        let epoch = Epoch::from_uuid(Uuid::from_u128(1));
        Self {
            room: RoomFacts { epoch, last_rev: n_messages, guard_rev: 0, n_pins: 0 },
            n_messages,
            messages: (1..=n_messages).map(message).collect(),
            reactions: BTreeSet::new(),
            edits: HashMap::new(),
            removed: HashMap::new(),
        }
    }

    fn facts(&self, now: DateTime<Utc>) -> Facts {
        let n_pins = self.messages.values().filter(|m| is_pinned(m)).count();
        let named = |(id, message): (&i64, &ChatMessage)| (*id, (room().as_str().to_owned(), message.clone()));
        Facts {
            now,
            rooms: HashMap::from([(room(), RoomFacts { n_pins, ..self.room })]),
            messages: self.messages.iter().map(named).collect(),
            reactions: self.reactions.iter().cloned().collect(),
            edits: self.edits.iter().map(|(place, (_, key))| (*place, *key)).collect(),
            removed_texts: self.removed.iter().map(|(id, text)| (*id, Content::from_stored(text.clone()))).collect(),
            writers: HashSet::new(),
        }
    }

    fn change(&mut self, commands: &[Arc<NewChange>], now: DateTime<Utc>) -> Vec<ChangeOutcome> {
        let plan = plan(self.facts(now), commands);
        for (last_rev, more) in plan.rooms.into_values() {
            self.room.last_rev = last_rev;
            self.n_messages += more;
        }
        self.messages.extend(plan.messages);
        for id in plan.erased {
            self.reactions.retain(|(of, ..)| *of != id);
            self.edits.iter_mut().filter(|((of, _), _)| *of == id).for_each(|(_, (content, _))| content.clear());
        }
        for reaction in &plan.reactions_removed {
            assert!(self.reactions.remove(reaction), "it was there");
        }
        for reaction in plan.reactions_added {
            assert!(self.reactions.insert(reaction), "it was not there");
        }
        for (id, version, content, key) in plan.edits {
            let before = self.edits.insert((id, version), (content.as_str().to_owned(), key));
            assert_eq!(before, None, "a version is replaced once");
        }
        for id in plan.restored {
            self.removed.remove(&id);
        }
        self.removed.extend(plan.removed_texts.into_iter().map(|(id, content)| (id, content.as_str().to_owned())));
        plan.outcomes
    }

    /// What holds of every state.
    fn assert_sound(&self) {
        let plain = Annotations::default();
        for message in self.messages.values() {
            let a = message.annotations.as_deref().unwrap_or(&plain);
            assert_ne!(message.annotations.as_deref(), Some(&plain), "nothing to say is said by nothing");
            assert!(a.reactions.len() <= REACTIONS_MAX);
            let mut counts: BTreeMap<&Emoji, Vec<&AuthorId>> = BTreeMap::new();
            for (_, author, emoji) in self.reactions.iter().filter(|(id, ..)| *id == message.id) {
                counts.entry(emoji).or_default().push(author);
            }
            assert_eq!(a.reactions.len(), counts.len(), "no sum of nothing");
            for sum in &a.reactions {
                let of = &counts[&sum.emoji];
                assert_eq!(sum.count, i64::try_from(of.len()).expect("a number"));
                assert!(sum.authors.len() <= REACTION_AUTHORS_MAX && sum.authors.iter().all(|who| of.contains(&who)));
            }
            if a.deleted.is_some() {
                let rest = Annotations { deleted: None, version: 1, ..a.clone() };
                assert_eq!((message.content.as_str(), rest), ("", Annotations::default()));
                assert!(self.edits.iter().all(|((id, _), (content, _))| *id != message.id || content.is_empty()));
            }
        }
        let n_deleted = self.messages.values().filter(|m| m.is_deleted()).count();
        assert_eq!(self.n_messages, i64::try_from(self.messages.len() - n_deleted).expect("a number"));
        assert!(self.messages.values().filter(|m| is_pinned(m)).count() <= PINS_MAX);
    }
}

fn command(message: i64, who: usize, action: Action) -> Arc<NewChange> {
    let (room, author, client_id) = (room(), author(who), Uuid::new_v4());
    Arc::new(NewChange { room, message, author, also: Arc::default(), client_id, guard_rev: 0, action })
}

fn edit(message: i64, who: usize, version: i32, text: &str) -> Arc<NewChange> {
    edit_within(message, who, version, text, None)
}

fn edit_within(message: i64, who: usize, version: i32, text: &str, window: Option<Duration>) -> Arc<NewChange> {
    let content = Content::parse(text).expect("a content");
    command(message, who, Action::Edit { version, content, mentions: NewMentions::default(), window })
}

fn react(message: i64, who: usize, which: usize, on: bool) -> Arc<NewChange> {
    command(message, who, Action::React { emoji: emoji(which), on })
}

fn delete(message: i64, who: usize, as_moderator: bool) -> Arc<NewChange> {
    command(message, who, Action::Delete { as_moderator })
}

fn restore(message: i64) -> Arc<NewChange> {
    command(message, 9, Action::Restore)
}

fn unname(message: i64) -> Arc<NewChange> {
    command(message, 9, Action::Unname)
}

fn pin(message: i64, on: bool) -> Arc<NewChange> {
    command(message, 9, Action::Pin { on })
}

fn batches() -> impl Strategy<Value = Vec<Vec<Arc<NewChange>>>> {
    let one =
        (1..15_i64, 0..12_usize, 0..24_usize, 0..100_u8, any::<bool>()).prop_map(|(id, who, n, kind, on)| match kind {
            0..60 => react(id % 3 + 1, who, n, on || n < 8),
            60..75 => react(id, who % 3, n % 3, on),
            75..85 => edit(id, who % 3, i32::try_from(n % 4).expect("a number"), &format!("edit {n}")),
            85..93 => pin(id, on || n > 6),
            93..95 => restore(id),
            95..96 => unname(id),
            _ => delete(id, who % 3, on),
        });
    prop::collection::vec(prop::collection::vec(one, 0..60), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Rule 2 of all changes: each has a value of its own, and none is left out; what is told is what is stored.
    #[test]
    fn what_is_written_is_sound_and_each_change_has_its_own_value(batches in batches()) {
        let mut memory = Memory::with(14);
        for batch in batches {
            let before = memory.room.last_rev;
            let outcomes = memory.change(&batch, DateTime::UNIX_EPOCH);
            memory.assert_sound();
            let mut changes: BTreeMap<i64, &ChatMessage> = BTreeMap::new();
            for outcome in &outcomes {
                if let ChangeOutcome::Changed(_, change) = outcome {
                    changes.insert(change.rev(), &change.message);
                }
            }
            prop_assert!(changes.keys().copied().eq(before + 1..=memory.room.last_rev));
            let last: BTreeMap<i64, &ChatMessage> = changes.into_values().map(|message| (message.id, message)).collect();
            for (id, message) in last {
                prop_assert_eq!(Some(message), memory.messages.get(&id));
            }
        }
    }

    /// The same commands one by one end in the same texts, reactions, deletions and pins.
    #[test]
    fn a_batch_does_what_its_commands_do_one_by_one(batches in batches()) {
        let (mut whole, mut single) = (Memory::with(14), Memory::with(14));
        for batch in batches {
            let together = whole.change(&batch, DateTime::UNIX_EPOCH);
            let apart: Vec<_> =
                batch.iter().flat_map(|row| single.change(std::slice::from_ref(row), DateTime::UNIX_EPOCH)).collect();
            for (a, b) in together.iter().zip(&apart) {
                let refusal = |outcome: &ChangeOutcome| match outcome {
                    ChangeOutcome::Rejected(refusal) => Some(*refusal),
                    _ => None,
                };
                prop_assert_eq!(refusal(a), refusal(b));
            }
            for (id, message) in &whole.messages {
                let other = &single.messages[id];
                let counts = |message: &ChatMessage| -> BTreeMap<Emoji, i64> {
                    let all = message.annotations.iter().flat_map(|a| &a.reactions);
                    all.map(|sum| (sum.emoji.clone(), sum.count)).collect()
                };
                prop_assert_eq!(&message.content, &other.content);
                prop_assert_eq!((message.version(), message.is_deleted()), (other.version(), other.is_deleted()));
                prop_assert_eq!(is_pinned(message), is_pinned(other));
                prop_assert_eq!(counts(message), counts(other));
            }
        }
    }
}

#[test]
fn reactions_of_a_batch_to_a_message_are_one_change_for_all() {
    let mut memory = Memory::with(2);
    let batch: Vec<_> = (0..7).map(|who| react(1, who, 0, true)).chain([react(1, 3, 1, true)]).collect();
    let outcomes = memory.change(&batch, DateTime::UNIX_EPOCH);
    let ChangeOutcome::Changed(_, change) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
    assert_eq!((change.rev(), memory.room.last_rev), (3, 3));
    let figures = |change: &chat_domain::Change| -> Vec<(Emoji, i64, usize)> {
        let told = change.reactions.iter().flatten();
        told.map(|sum| (sum.emoji.clone(), sum.count, sum.authors.len())).collect()
    };
    assert_eq!(figures(change), [(emoji(0), 7, 5), (emoji(1), 1, 1)]);
    // Nobody any more is a count of 0; another kind of change ends the one before.
    let batch = [react(1, 3, 1, false), edit(1, 1, 1, "another text"), react(1, 4, 1, true)];
    let outcomes = memory.change(&batch, DateTime::UNIX_EPOCH);
    let changes: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            ChangeOutcome::Changed(_, change) => (change.rev(), figures(change)),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(changes, [(4, vec![(emoji(1), 0, 0)]), (5, vec![]), (6, vec![(emoji(1), 1, 1)])]);
}

#[test]
fn a_deletion_frees_the_place_of_a_pin_for_the_same_batch() {
    let mut memory = Memory::with(12);
    let full: Vec<_> = (1..=10).map(|id| pin(id, true)).collect();
    memory.change(&full, DateTime::UNIX_EPOCH);
    let outcomes = memory.change(&[delete(4, 9, true), pin(11, true), pin(12, true)], DateTime::UNIX_EPOCH);
    let [_, ChangeOutcome::Changed(..), last] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(*last, ChangeOutcome::Rejected(ChangeRefusal::TooManyPins));
}

#[test]
fn what_a_moderator_deleted_comes_back_with_its_text_and_is_written_down() {
    let mut memory = Memory::with(3);
    let again = [react(1, 0, 0, true), delete(1, 9, true), restore(1), restore(1), delete(1, 9, true)];
    let outcomes = memory.change(&again, DateTime::UNIX_EPOCH);
    assert!(matches!(outcomes[3], ChangeOutcome::Unchanged(_)), "{outcomes:?}");
    assert_eq!((memory.removed.get(&1).map(String::as_str), memory.n_messages), (Some("text 1"), 2));
    let entries = plan(memory.facts(DateTime::UNIX_EPOCH), &[restore(1), delete(2, 2, false)]).entries;
    assert_eq!(
        entries.iter().map(|e| (e.action, e.message, &e.author)).collect::<Vec<_>>(),
        [("restore", 1, &author(1))]
    );
    memory.change(&[restore(1)], DateTime::UNIX_EPOCH);
    assert_eq!((memory.messages[&1].content.as_str(), memory.n_messages), ("text 1", 3));
    memory.assert_sound();
    // An author's deletion is for good.
    memory.change(&[delete(2, 2, false)], DateTime::UNIX_EPOCH);
    let outcomes = memory.change(&[restore(2)], DateTime::UNIX_EPOCH);
    assert_eq!(outcomes, [ChangeOutcome::Rejected(ChangeRefusal::Deleted)]);
}

#[test]
fn each_command_is_refused_for_its_reason() {
    let mut memory = Memory::with(12);
    let late = DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(900);
    let within = |secs| edit_within(3, 0, 1, "x", Some(Duration::from_secs(secs)));
    let rejected = ChangeOutcome::Rejected;
    for n in 0..20 {
        memory.change(&[react(5, 1, n, true)], late);
    }
    for id in 1..=10 {
        memory.change(&[pin(id, true)], late);
    }
    memory.change(&[delete(6, 0, false)], late);
    memory.change(&[pin(11, true)], late);
    let other_room = NewChange { room: RoomId::parse("other").expect("a room id"), ..(*pin(1, true)).clone() };
    let old_guard = NewChange { guard_rev: 7, ..(*pin(1, true)).clone() };
    let cases = [
        (delete(99, 0, false), rejected(ChangeRefusal::NotFound)),
        (Arc::new(other_room), rejected(ChangeRefusal::NotFound)),
        (Arc::new(old_guard), ChangeOutcome::GuardChanged),
        (edit(3, 1, 1, "x"), rejected(ChangeRefusal::NotYours)),
        (delete(3, 1, false), rejected(ChangeRefusal::NotYours)),
        (delete(6, 1, false), rejected(ChangeRefusal::NotYours)),
        (edit(6, 0, 1, "x"), rejected(ChangeRefusal::Deleted)),
        (react(6, 0, 1, true), rejected(ChangeRefusal::Deleted)),
        (pin(6, true), rejected(ChangeRefusal::Deleted)),
        (within(0), rejected(ChangeRefusal::TooLate)),
        (within(900), rejected(ChangeRefusal::TooLate)),
        (edit(3, 0, 2, "x"), rejected(ChangeRefusal::EditConflict)),
        (react(5, 2, 20, true), rejected(ChangeRefusal::TooManyReactions)),
        (pin(12, true), rejected(ChangeRefusal::TooManyPins)),
    ];
    let before = memory.room.last_rev;
    for (row, expected) in cases {
        assert_eq!(memory.change(std::slice::from_ref(&row), late), [expected], "{row:?}");
    }
    assert_eq!(memory.room.last_rev, before, "nothing takes a value");
    for row in [within(901), react(5, 2, 19, true)] {
        assert!(matches!(memory.change(&[row], late)[0], ChangeOutcome::Changed(..)));
    }
}

/// The twenty first emojis of a batch are not a way to a twenty-first.
#[test]
fn an_emoji_that_was_taken_back_in_a_batch_is_counted_again() {
    let mut memory = Memory::with(1);
    for n in 0..20 {
        memory.change(&[react(1, 1, n, true)], DateTime::UNIX_EPOCH);
    }
    let batch = [react(1, 1, 0, false), react(1, 1, 20, true), react(1, 1, 0, true)];
    let outcomes = memory.change(&batch, DateTime::UNIX_EPOCH);
    assert_eq!(outcomes[2], ChangeOutcome::Rejected(ChangeRefusal::TooManyReactions));
    memory.assert_sound();
}

/// P4 for changes: the state is there, so the same again takes no value.
#[test]
fn a_repeat_of_each_kind_takes_no_value() {
    let mut memory = Memory::with(12);
    let batch = [
        edit(3, 0, 1, "second"),
        delete(6, 0, false),
        delete(7, 0, true),
        react(9, 0, 0, true),
        react(9, 1, 0, false),
        pin(10, true),
        pin(11, false),
    ];
    let n_changed = |outcomes: &[ChangeOutcome]| {
        outcomes.iter().filter(|outcome| matches!(outcome, ChangeOutcome::Changed(..))).count()
    };
    assert_eq!(n_changed(&memory.change(&batch, DateTime::UNIX_EPOCH)), 5);
    let last_rev = memory.room.last_rev;
    let again = memory.change(&batch, DateTime::UNIX_EPOCH);
    assert!(again.iter().all(|outcome| matches!(outcome, ChangeOutcome::Unchanged(_))), "{again:?}");
    assert_eq!(memory.room.last_rev, last_rev);
    // An edit is known by its key when others have come since, and when the message is gone.
    memory.change(&[edit(3, 0, 2, "third")], DateTime::UNIX_EPOCH);
    assert!(matches!(memory.change(&batch[..1], DateTime::UNIX_EPOCH)[..], [ChangeOutcome::Unchanged(_)]));
    memory.change(&[delete(3, 0, false)], DateTime::UNIX_EPOCH);
    assert!(matches!(memory.change(&batch[..1], DateTime::UNIX_EPOCH)[..], [ChangeOutcome::Unchanged(_)]));
    memory.assert_sound();
}

#[test]
fn a_moderators_deletion_keeps_the_text_for_a_while_and_an_authors_does_not() {
    let mut memory = Memory::with(6);
    memory.change(&[delete(1, 9, true), delete(3, 0, true), delete(4, 1, false)], DateTime::UNIX_EPOCH);
    assert_eq!(memory.removed, HashMap::from([(1, "text 1".to_owned())]));
    let by = |id| memory.messages[&id].annotations.as_ref().and_then(|a| a.deleted).map(|(_, by)| by);
    assert_eq!([by(1), by(3), by(4)], [DeletedBy::Moderator, DeletedBy::Author, DeletedBy::Author].map(Some));
}
