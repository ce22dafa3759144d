//! What is known of one room: its rows, and all that its clients asked for and were told.

use std::collections::{BTreeMap, BTreeSet};

use chat_wire::AckPayload;
use uuid::Uuid;

use super::{Broken, Command, Event, History, Message, StoredEdit, StoredRoom};

/// What one client's history is held against.
pub struct Truth<'a> {
    pub stored: &'a StoredRoom,
    pub by_seq: BTreeMap<i64, &'a Message>,
    /// The same by the message's id.
    pub by_id: BTreeMap<&'a str, &'a Message>,
    /// Which message took a value of the counter.
    owners: BTreeMap<i64, i64>,
    /// The values that each message took, by its `seq`.
    values: BTreeMap<i64, BTreeSet<i64>>,
    /// The first state that somebody saw whole, by `seq` and `rev`.
    states: BTreeMap<(i64, i64), &'a Message>,
    /// Those that somebody else saw otherwise.
    ambiguous: BTreeSet<(i64, i64)>,
    taken_twice: BTreeSet<i64>,
    /// All that was asked for, with the public id of who did.
    pub commands: BTreeMap<Uuid, (Option<&'a str>, &'a Command)>,
    /// The edits that were asked for: message, the version edited, the new text.
    asked_edits: BTreeSet<(&'a str, i32, &'a str)>,
    /// The deletions that were asked for: message, who.
    asked_deletions: BTreeSet<(&'a str, &'a str)>,
    /// The reactions that were asked for: message, who, emoji.
    asked_reactions: BTreeSet<(&'a str, &'a str, &'a str)>,
    /// Those that somebody asked to take back.
    pub taken_back: BTreeSet<(&'a str, &'a str, &'a str)>,
    /// What was stored of edits, by message and version.
    pub edits: BTreeMap<(&'a str, i32), &'a StoredEdit>,
    /// Who reacts with what, by message and emoji.
    pub reactions: BTreeMap<&'a str, BTreeMap<&'a str, BTreeSet<&'a str>>>,
    /// What was asked for and whose value of the counter nobody was told.
    n_untold: usize,
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub fn version(message: &Message) -> i32 {
    message.annotations.version.unwrap_or(1)
}

pub fn is_deleted(message: &Message) -> bool {
    message.annotations.deleted_at.is_some()
}

impl<'a> Truth<'a> {
    pub fn of(stored: &'a StoredRoom, clients: impl Iterator<Item = &'a History>) -> Self {
        let mut truth = Self {
            stored,
            by_seq: stored.rows.iter().map(|row| (row.seq, row)).collect(),
            by_id: stored.rows.iter().map(|row| (&*row.id, row)).collect(),
            owners: BTreeMap::new(),
            values: BTreeMap::new(),
            states: BTreeMap::new(),
            ambiguous: BTreeSet::new(),
            taken_twice: BTreeSet::new(),
            commands: BTreeMap::new(),
            asked_edits: BTreeSet::new(),
            asked_deletions: BTreeSet::new(),
            asked_reactions: BTreeSet::new(),
            taken_back: BTreeSet::new(),
            edits: stored.edits.iter().map(|edit| ((&*edit.id, edit.version), edit)).collect(),
            reactions: BTreeMap::new(),
            n_untold: 0,
        };
        for (id, author, emoji) in &stored.reactions {
            truth.reactions.entry(id).or_default().entry(emoji).or_default().insert(author);
        }
        for row in &stored.rows {
            truth.owns(row.seq, row.seq);
            truth.owns(row.seq, row.rev);
        }
        let mut told = BTreeSet::new();
        for client in clients {
            for (_, event) in &client.events {
                match event {
                    Event::Welcome { messages, .. } => messages.iter().for_each(|message| truth.saw(message)),
                    Event::Message(message) => truth.saw(message),
                    Event::Reaction(reaction) => truth.owns(reaction.seq, reaction.rev),
                    Event::Ack(AckPayload { client_id, seq, rev, .. }) if rev > seq => {
                        told.insert(*client_id);
                        truth.owns(*seq, *rev);
                    }
                    Event::Sent { client_id, command } => {
                        let author = client.author.as_deref();
                        if truth.commands.insert(*client_id, (author, command)).is_none() {
                            truth.asked(author.unwrap_or_default(), command);
                        }
                    }
                    _ => {}
                }
            }
        }
        let is_untold = |(key, (_, command)): &(&Uuid, &(_, &Command))| {
            !matches!(command, Command::Message { .. }) && !told.contains(*key)
        };
        truth.n_untold = truth.commands.iter().filter(is_untold).count();
        truth
    }

    fn asked(&mut self, author: &'a str, command: &'a Command) {
        match command {
            Command::Message { .. } => {}
            Command::Edit { id, version, content } => drop(self.asked_edits.insert((id, *version, content))),
            Command::Delete { id } => drop(self.asked_deletions.insert((id, author))),
            Command::React { id, emoji, on: true } => drop(self.asked_reactions.insert((id, author, emoji))),
            Command::React { id, emoji, on: false } => drop(self.taken_back.insert((id, author, emoji))),
        }
    }

    fn owns(&mut self, seq: i64, rev: i64) {
        if *self.owners.entry(rev).or_insert(seq) != seq {
            self.taken_twice.insert(rev);
        }
        self.values.entry(seq).or_default().insert(rev);
    }

    fn saw(&mut self, message: &'a Message) {
        self.owns(message.seq, message.seq);
        self.owns(message.seq, message.rev);
        let key = (message.seq, message.rev);
        if *self.states.entry(key).or_insert(message) != message {
            self.ambiguous.insert(key);
        }
    }

    /// Whether this state is another one than somebody else saw at the same value.
    pub fn is_otherwise(&self, message: &Message) -> bool {
        let key = (message.seq, message.rev);
        self.ambiguous.contains(&key) || self.states.get(&key).is_some_and(|seen| *seen != message)
    }

    /// Whether who has everything up to `until` need not have been told of this value: a later one up to there is of
    /// the same message, or nobody knows what it was, so that it is the last one of no message.
    pub fn may_be_left_out(&self, rev: i64, until: i64) -> bool {
        self.owners.get(&rev).is_none_or(|owner| self.is_followed(*owner, rev, until))
    }

    /// Whether a message changed behind `rev` and up to `until`.
    pub fn is_followed(&self, seq: i64, rev: i64, until: i64) -> bool {
        rev < until && self.values.get(&seq).is_some_and(|values| values.range(rev + 1..=until).next().is_some())
    }

    /// What version a text is of; `None` where it was erased or never was.
    pub fn text<'b>(&'b self, row: &'b Message, of: i32) -> Option<&'b str> {
        if of == version(row) {
            return Some(&row.content);
        }
        self.edits.get(&(&*row.id, of)).map(|edit| &*edit.content)
    }

    /// Whether somebody asked for this text of this version of a message.
    pub fn was_asked(&self, row: &Message, of: i32, text: &str) -> bool {
        if of == 1 {
            return matches!(self.commands.get(&row.client_id),
                Some((_, Command::Message { content })) if content == text);
        }
        self.asked_edits.contains(&(&*row.id, of - 1, text))
    }

    /// What is broken in the database alone.
    pub fn check_rows(&self) -> Vec<Broken> {
        let stored = self.stored;
        let mut found = self.check_counter();
        let mut ids = BTreeSet::new();
        for row in &stored.rows {
            if !ids.insert((&*row.author.id, row.client_id)) {
                found.push(Broken::StoredTwice { client_id: row.client_id });
            }
            self.check_row(row, &mut found);
        }
        let rows = count(stored.rows.iter().filter(|row| !is_deleted(row)).count());
        let (last_rev, message_count) = (stored.last_rev, stored.message_count);
        let highest = stored.rows.iter().map(|row| row.rev).max().unwrap_or_default();
        if last_rev != highest || message_count != rows {
            found.push(Broken::WrongCounters { last_rev, message_count, rows });
        }
        for fresh in &stored.fresh {
            let n = stored.rows.len().max(fresh.len());
            if let Some(at) = (0..n).find(|at| stored.rows.get(*at) != fresh.get(*at)) {
                let here = stored.rows.get(at).or(fresh.get(at));
                found.push(Broken::FreshDiffers { seq: here.map_or(0, |message| message.seq) });
            }
        }
        let others = stored.summaries.iter().filter(|told| **told != last_rev);
        found.extend(others.map(|told| Broken::SummaryDiffers { told: *told, stored: last_rev }));
        found
    }

    /// Each value up to the last one is a change's, and of one message.
    fn check_counter(&self) -> Vec<Broken> {
        let mut found: Vec<_> = self.taken_twice.iter().map(|rev| Broken::ValueTwice { rev: *rev }).collect();
        let (mut last, mut missing) = (0, Vec::new());
        let is_stored = |seq: &i64| self.by_seq.contains_key(seq);
        let known = self.owners.iter().filter(|(_, owner)| is_stored(owner)).map(|(rev, _)| *rev);
        for rev in known.chain([self.stored.last_rev + 1]) {
            if rev > last + 1 {
                missing.push((rev - last - 1, Broken::RowsNotWhole { after: last, then: rev }));
            }
            last = rev;
        }
        // A change that nobody was told of, and that another one followed at once, left no trace but its value.
        if missing.iter().map(|(n, _)| *n).sum::<i64>() > count(self.n_untold + self.stored.n_acts) {
            found.extend(missing.into_iter().map(|(_, what)| what));
        }
        let mut before = 0;
        for row in &self.stored.rows {
            if row.seq <= before || row.rev < row.seq {
                found.push(Broken::RowsNotWhole { after: before, then: row.seq });
            }
            before = row.seq;
        }
        found
    }

    fn check_row(&self, row: &Message, found: &mut Vec<Broken>) {
        let (seq, deleted) = (row.seq, is_deleted(row));
        let edits: Vec<_> = self.edits.range((&*row.id, i32::MIN)..=(&*row.id, i32::MAX)).map(|(_, e)| *e).collect();
        if !edits.iter().map(|edit| edit.version).eq(1..version(row)) {
            found.push(Broken::EditsNotWhole { seq });
        }
        let keys = [row.client_id].into_iter().chain(edits.iter().map(|edit| edit.client_id));
        for (of, client_id) in (1..).zip(keys) {
            let is_known = self.commands.contains_key(&client_id);
            let text = self.text(row, of).unwrap_or_default();
            // The text alone comes back, and not what was before it.
            let is_erased = deleted || (self.is_touched(row) && of < version(row) && text.is_empty());
            if !is_known || (!is_erased && !self.was_asked(row, of, text)) {
                found.push(Broken::StoredUnsent { client_id });
            }
        }
        let none = BTreeMap::new();
        let table = self.reactions.get(&*row.id).unwrap_or(&none);
        for (emoji, author) in table.iter().flat_map(|(emoji, authors)| authors.iter().map(move |a| (emoji, a))) {
            if !self.reacted(&row.id, author, emoji) {
                found.push(Broken::ReactedUnasked { seq, author: (*author).to_owned() });
            }
        }
        if deleted {
            if !self.is_touched(row) && !self.asked_deletions.contains(&(&*row.id, &*row.author.id)) {
                found.push(Broken::DeletedUnasked { seq });
            }
            if !row.content.is_empty() || edits.iter().any(|edit| !edit.content.is_empty()) || !table.is_empty() {
                found.push(Broken::TextKept { seq });
            }
        }
        let told = &row.annotations.reactions;
        let agrees = told.len() == table.len()
            && told.iter().all(|reaction| {
                table.get(&*reaction.emoji).is_some_and(|authors| {
                    let first: BTreeSet<&str> = reaction.authors.iter().map(|author| &**author).collect();
                    let all = first.len() == reaction.authors.len() && first.is_subset(authors);
                    all && reaction.count == count(authors.len()) && !first.is_empty()
                })
            });
        if !agrees {
            found.push(Broken::AggregateDiffers { seq });
        }
    }

    /// Whether somebody else than its author deleted this message, or brought it back.
    pub fn is_touched(&self, row: &Message) -> bool {
        self.stored.touched.contains(&*row.id)
    }

    /// Whether somebody ever asked to react so.
    pub fn reacted(&self, message: &str, author: &str, with: &str) -> bool {
        self.asked_reactions.contains(&(message, author, with))
    }
}
