use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use uuid::Uuid;

use super::facts::{Facts, RoomFacts};
use crate::model::{ChangeOutcome, StoredMessage};
use chat_domain::{
    Action, Annotations, Author, AuthorId, AvatarName, Change, ChangeRefusal, ChatMessage, Content, DeletedBy, Emoji,
    NewChange, Nickname, PINS_MAX, REACTION_AUTHORS_MAX, REACTIONS_MAX, Reaction, RoomId,
};

/// What becomes of a batch of changes, and what is to be written for it.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// In the order of the commands.
    pub outcomes: Vec<ChangeOutcome>,
    /// The new counter of each room that changes, and by how much the number of its messages does.
    pub rooms: BTreeMap<RoomId, (i64, i64)>,
    /// The messages that change, in their last state, by id.
    pub messages: BTreeMap<i64, ChatMessage>,
    pub reactions_added: Vec<(i64, AuthorId, Emoji)>,
    pub reactions_removed: Vec<(i64, AuthorId, Emoji)>,
    /// What edits replaced: message, version, content, the edit's key.
    pub edits: Vec<(i64, i32, Content, Uuid)>,
    /// Messages of which nothing is kept but that they were there.
    pub erased: Vec<i64>,
    /// What moderators removed, for a while.
    pub removed_texts: Vec<(i64, Content)>,
    /// Messages whose author is nobody any more.
    pub unnamed: Vec<i64>,
    /// Messages whose text is back: nothing is kept of their removal.
    pub restored: Vec<i64>,
    /// What was done with a right, for the log of that.
    pub entries: Vec<Entry>,
}

/// Something done to a message with a right that not everybody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub room: RoomId,
    pub actor: AuthorId,
    pub action: &'static str,
    pub message: i64,
    /// Whose message it is.
    pub author: AuthorId,
}

/// Works out a batch. The commands are done one after the other; reactions to one message are one change, as long as
/// nothing else of that message comes between.
pub(crate) fn plan(facts: Facts, commands: &[Arc<NewChange>]) -> Plan {
    let mut work = Work { facts, plan: Plan::default(), changes: Vec::new(), reacting: HashMap::new() };
    let done: Vec<Done> = commands.iter().map(|command| work.command(command)).collect();
    work.finish(done)
}

/// What became of one command. A change is told once it is known what else belongs to it.
enum Done {
    Changed(usize),
    Told(ChangeOutcome),
}

struct Work {
    facts: Facts,
    plan: Plan,
    changes: Vec<Made>,
    /// The change that a further reaction to a message belongs to.
    reacting: HashMap<i64, usize>,
}

/// A change that was made.
struct Made {
    room: RoomFacts,
    message: ChatMessage,
    /// The emojis that changed, where nothing else did.
    emojis: Option<Vec<Emoji>>,
}

impl Work {
    fn command(&mut self, command: &NewChange) -> Done {
        match self.changed(command) {
            Ok(done) => done,
            Err(why) => Done::Told(ChangeOutcome::Rejected(why)),
        }
    }

    fn changed(&mut self, command: &NewChange) -> Result<Done, ChangeRefusal> {
        let room = *self.facts.rooms.get(&command.room).ok_or(ChangeRefusal::NotFound)?;
        if room.guard_rev != command.guard_rev {
            return Ok(Done::Told(ChangeOutcome::GuardChanged));
        }
        let found = self.facts.messages.get(&command.message);
        let (_, message) = found.filter(|(of, _)| of == command.room.as_str()).ok_or(ChangeRefusal::NotFound)?;
        let mut message = message.clone();
        let unchanged = Done::Told(ChangeOutcome::Unchanged(StoredMessage::of(&message, room.epoch)));
        let is_own = command.owns(&message.author.id);
        let mut a = message.annotations.take().map(|a| *a).unwrap_or_default();
        if !matches!(command.action, Action::React { .. }) {
            forget_unused(&mut a);
        }
        let is_deleted = a.deleted.is_some();
        let mut more = 0;
        match &command.action {
            Action::Delete { as_moderator: false } if !is_own => return Err(ChangeRefusal::NotYours),
            Action::Delete { .. } if is_deleted => return Ok(unchanged),
            Action::Delete { .. } => {
                let by = if is_own { DeletedBy::Author } else { DeletedBy::Moderator };
                if by == DeletedBy::Moderator {
                    self.enter("delete", command, &message);
                }
                self.erase(&message, by);
                more = -1;
                if a.pinned_at.is_some()
                    && let Some(room) = self.facts.rooms.get_mut(&command.room)
                {
                    room.n_pins = room.n_pins.saturating_sub(1);
                }
                message.content = Content::from_stored(String::new());
                a = Annotations { version: a.version, deleted: Some((self.facts.now, by)), ..Annotations::default() };
            }
            Action::Restore if !is_deleted => return Ok(unchanged),
            Action::Restore => {
                // What its author deleted is gone, and so is what was removed long ago.
                message.content = self.facts.removed_texts.remove(&message.id).ok_or(ChangeRefusal::Deleted)?;
                a.deleted = None;
                self.plan.removed_texts.retain(|(id, _)| *id != message.id);
                self.plan.restored.push(message.id);
                self.enter("restore", command, &message);
                more = 1;
            }
            Action::Unname if message.author.nickname.as_str() == Nickname::NOBODY => return Ok(unchanged),
            Action::Unname => {
                let id = &message.author.id;
                let (nickname, avatar) = (Nickname::nobody(), AvatarName::derived_from(id));
                message.author = Author { id: id.clone(), nickname, avatar, badge: None };
                self.plan.unnamed.push(message.id);
            }
            Action::Edit { .. } if !is_own => return Err(ChangeRefusal::NotYours),
            // A retry, whatever became of the message since.
            Action::Edit { version, .. } if self.has_edit(message.id, *version, command.client_id) => {
                return Ok(unchanged);
            }
            _ if is_deleted => return Err(ChangeRefusal::Deleted),
            Action::Edit { version, content, mentions, window } => {
                if message.content == *content && (0..=1).contains(&a.version.saturating_sub(*version)) {
                    return Ok(unchanged);
                }
                let age = self.facts.now.signed_duration_since(message.created_at).to_std().unwrap_or_default();
                if window.is_some_and(|window| age >= window) {
                    return Err(ChangeRefusal::TooLate);
                }
                if a.version != *version {
                    return Err(ChangeRefusal::EditConflict);
                }
                let old = std::mem::replace(&mut message.content, content.clone());
                self.facts.edits.insert((message.id, a.version), command.client_id);
                self.plan.edits.push((message.id, a.version, old, command.client_id));
                let wrote = |author: &AuthorId| self.facts.writers.contains(&(command.room.clone(), author.clone()));
                a.mentions = mentions.kept(wrote);
                (a.version, a.edited_at) = (a.version.saturating_add(1), Some(self.facts.now));
            }
            Action::React { emoji, on } => {
                if !self.react(&message, &mut a.reactions, &command.author, emoji, *on)? {
                    return Ok(unchanged);
                }
                message.annotations = boxed(a);
                return Ok(Done::Changed(self.reacted(&command.room, message, emoji)));
            }
            Action::Pin { on } if a.pinned_at.is_some() == *on => return Ok(unchanged),
            Action::Pin { on } => {
                let room = self.facts.rooms.get_mut(&command.room).ok_or(ChangeRefusal::NotFound)?;
                if *on && room.n_pins >= PINS_MAX {
                    return Err(ChangeRefusal::TooManyPins);
                }
                room.n_pins = if *on { room.n_pins.saturating_add(1) } else { room.n_pins.saturating_sub(1) };
                a.pinned_at = on.then_some(self.facts.now);
                self.enter(if *on { "pin" } else { "unpin" }, command, &message);
            }
        }
        message.annotations = boxed(a);
        self.reacting.remove(&message.id);
        Ok(Done::Changed(self.made(&command.room, message, None, more)))
    }

    fn enter(&mut self, action: &'static str, command: &NewChange, message: &ChatMessage) {
        let (room, actor, author) = (command.room.clone(), command.author.clone(), message.author.id.clone());
        self.plan.entries.push(Entry { room, actor, action, message: message.id, author });
    }

    fn has_edit(&self, message: i64, version: i32, client_id: Uuid) -> bool {
        self.facts.edits.get(&(message, version)) == Some(&client_id)
    }

    /// Nothing of a message's text is kept, but where a moderator removed it.
    fn erase(&mut self, message: &ChatMessage, by: DeletedBy) {
        if by == DeletedBy::Moderator {
            self.plan.removed_texts.push((message.id, message.content.clone()));
            self.facts.removed_texts.insert(message.id, message.content.clone());
        }
        self.plan.erased.push(message.id);
        // Their keys stay, so that a retry of one is known.
        for (id, _, content, _) in &mut self.plan.edits {
            if *id == message.id {
                *content = Content::from_stored(String::new());
            }
        }
        self.plan.reactions_added.retain(|(id, ..)| *id != message.id);
        self.plan.reactions_removed.retain(|(id, ..)| *id != message.id);
        self.facts.reactions.retain(|(id, ..)| *id != message.id);
    }

    /// Tells whether this changes anything.
    fn react(
        &mut self,
        message: &ChatMessage,
        reactions: &mut Vec<Reaction>,
        author: &AuthorId,
        emoji: &Emoji,
        on: bool,
    ) -> Result<bool, ChangeRefusal> {
        let key = (message.id, author.clone(), emoji.clone());
        if self.facts.reactions.contains(&key) == on {
            return Ok(false);
        }
        let n_emojis = reactions.iter().filter(|r| r.count > 0).count();
        let is_full = n_emojis >= REACTIONS_MAX;
        match (reactions.iter_mut().find(|r| r.emoji == *emoji), on) {
            (Some(Reaction { count: 0, .. }) | None, true) if is_full => return Err(ChangeRefusal::TooManyReactions),
            (Some(reaction), true) => {
                reaction.count = reaction.count.saturating_add(1);
                if reaction.authors.len() < REACTION_AUTHORS_MAX {
                    reaction.authors.push(author.clone());
                }
            }
            (None, true) => {
                reactions.push(Reaction { emoji: emoji.clone(), count: 1, authors: vec![author.clone()] });
            }
            (Some(reaction), false) => {
                reaction.count = reaction.count.saturating_sub(1);
                reaction.authors.retain(|a| a != author);
            }
            (None, false) => {}
        }
        let (to, back) = match on {
            true => (&mut self.plan.reactions_added, &mut self.plan.reactions_removed),
            false => (&mut self.plan.reactions_removed, &mut self.plan.reactions_added),
        };
        // What this batch has undone again need not be written.
        let n_before = back.len();
        back.retain(|other| *other != key);
        if back.len() == n_before {
            to.push(key.clone());
        }
        if on {
            self.facts.reactions.insert(key);
        } else {
            self.facts.reactions.remove(&key);
        }
        Ok(true)
    }

    /// A reaction changed a message: which change of the batch that is.
    fn reacted(&mut self, room: &RoomId, message: ChatMessage, emoji: &Emoji) -> usize {
        if let Some(index) = self.reacting.get(&message.id).copied()
            && let Some(Made { message: known, emojis: Some(emojis), .. }) = self.changes.get_mut(index)
        {
            if !emojis.contains(emoji) {
                emojis.push(emoji.clone());
            }
            let message = ChatMessage { rev: known.rev, ..message };
            known.clone_from(&message);
            self.keep(room, message);
            return index;
        }
        let id = message.id;
        let index = self.made(room, message, Some(vec![emoji.clone()]), 0);
        self.reacting.insert(id, index);
        index
    }

    /// A change with a value of its own, and how many messages the room has more by it.
    fn made(&mut self, room: &RoomId, mut message: ChatMessage, emojis: Option<Vec<Emoji>>, more: i64) -> usize {
        let Some(facts) = self.facts.rooms.get_mut(room) else { return self.changes.len() };
        facts.last_rev = facts.last_rev.saturating_add(1);
        message.rev = facts.last_rev;
        let (rev, all_more) = self.plan.rooms.entry(room.clone()).or_default();
        (*rev, *all_more) = (facts.last_rev, all_more.saturating_add(more));
        self.changes.push(Made { room: *facts, message: message.clone(), emojis });
        self.keep(room, message);
        self.changes.len().saturating_sub(1)
    }

    fn keep(&mut self, room: &RoomId, message: ChatMessage) {
        self.facts.messages.insert(message.id, (room.as_str().to_owned(), message.clone()));
        self.plan.messages.insert(message.id, message);
    }

    fn finish(mut self, done: Vec<Done>) -> Plan {
        self.plan.messages.values_mut().for_each(settle);
        let changes: Vec<ChangeOutcome> = self.changes.into_iter().map(Made::outcome).collect();
        let outcome = |done| match done {
            Done::Told(outcome) => outcome,
            Done::Changed(index) => {
                changes.get(index).cloned().unwrap_or(ChangeOutcome::Rejected(ChangeRefusal::NotFound))
            }
        };
        self.plan.outcomes = done.into_iter().map(outcome).collect();
        let mut seen = HashSet::new();
        self.plan.erased.retain(|id| seen.insert(*id));
        self.plan
    }
}

impl Made {
    fn outcome(self) -> ChangeOutcome {
        let Self { room, mut message, emojis } = self;
        settle(&mut message);
        let reactions = message.annotations.as_ref().map_or(&[][..], |a| &a.reactions);
        let now = |emoji: Emoji| {
            let known = reactions.iter().find(|r| r.emoji == emoji).cloned();
            known.unwrap_or(Reaction { emoji, count: 0, authors: Vec::new() })
        };
        let reactions = emojis.map(|emojis| emojis.into_iter().map(now).collect());
        ChangeOutcome::Changed(room.epoch, Arc::new(Change { message: Arc::new(message), reactions }))
    }
}

/// An emoji that nobody reacts with any more keeps its place within the change that this is part of, and not behind it:
/// clients hear of both at once.
fn forget_unused(annotations: &mut Annotations) {
    annotations.reactions.retain(|reaction| reaction.count > 0);
}

/// The message as it is stored and told.
fn settle(message: &mut ChatMessage) {
    if let Some(mut annotations) = message.annotations.take() {
        forget_unused(&mut annotations);
        message.annotations = boxed(*annotations);
    }
}

fn boxed(annotations: Annotations) -> Option<Box<Annotations>> {
    (annotations != Annotations::default()).then(|| Box::new(annotations))
}
