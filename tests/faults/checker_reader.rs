//! Reads one client's history, keeping what a client keeps by the rules of docs/PROTOCOL.md.

use std::collections::{BTreeMap, BTreeSet};

use chat_wire::{AckPayload, ErrorCode};
use uuid::Uuid;

use super::{
    Broken, Command, Event, History, Message, Reactions, is_final,
    truth::{Truth, is_deleted, version},
};

/// What a client knows while its history is read.
struct Reader<'a> {
    truth: &'a Truth<'a>,
    /// `None` before the first change that says where the client is.
    cursor: Option<i64>,
    /// Values told since the last start over.
    told: BTreeSet<i64>,
    /// Where the pieces lead that follow a WELCOME.
    head: Option<i64>,
    /// What the page would show, by `seq`.
    list: BTreeMap<i64, Message>,
    /// Older messages than those in the list exist.
    has_more: bool,
    joined: bool,
    found: Vec<Broken>,
}

impl Reader<'_> {
    /// A state that the client was told, or has put together.
    fn state(&mut self, message: &Message) {
        let (seq, rev) = (message.seq, message.rev);
        let row = self.truth.by_seq.get(&seq).filter(|row| rev <= row.rev);
        let Some(row) = row else {
            return self.found.push(Broken::Phantom { seq, client_id: message.client_id });
        };
        let is_so = if rev == row.rev { message == *row } else { self.was_so(message, row) };
        if !is_so {
            let (seen, stored) = (format!("{message:?}"), format!("{row:?}"));
            self.found.push(Broken::Different { seq, seen, stored });
        }
        if self.truth.is_otherwise(message) {
            self.found.push(Broken::TwoStates { seq, rev });
        }
        for (emoji, author) in
            message.annotations.reactions.iter().flat_map(|r| r.authors.iter().map(|a| (&r.emoji, a)))
        {
            if !self.truth.reacted(&message.id, author, emoji) {
                self.found.push(Broken::ReactedUnasked { seq, author: author.to_string() });
            }
        }
    }

    /// Whether a message can have been so before its last change.
    fn was_so(&self, seen: &Message, row: &Message) -> bool {
        let who = |m: &Message| (m.id.clone(), m.client_id, m.author.clone(), m.created_at.clone());
        let of = version(seen);
        if self.truth.is_touched(row) {
            let is_so =
                if is_deleted(seen) { seen.content.is_empty() } else { self.truth.was_asked(row, of, &seen.content) };
            return who(seen) == who(row) && of <= version(row) && is_so;
        }
        // A deletion is the last change, and erases what was there before.
        let text = self.truth.text(row, of);
        let text_is_so =
            if is_deleted(row) { self.truth.was_asked(row, of, &seen.content) } else { text == Some(&*seen.content) };
        who(seen) == who(row) && !is_deleted(seen) && of <= version(row) && text_is_so
    }

    /// The text of a deleted message, although the client is, or is told to be, behind its deletion.
    fn text_is_back(&mut self, message: &Message, at: i64) {
        let row = self.truth.by_seq.get(&message.seq);
        if row.is_some_and(|row| is_deleted(row) && row.rev <= at) && !message.content.is_empty() {
            self.found.push(Broken::TextBack { seq: message.seq });
        }
    }

    /// A change moves the cursor. Up to `until` what a later change of the same message follows may be left out.
    fn moves(&mut self, rev: i64, until: Option<i64>) {
        if !self.told.insert(rev) {
            self.found.push(Broken::Twice { seq: rev });
        } else if let Some(after) = self.cursor {
            let is_whole =
                || until.is_some_and(|until| (after + 1..rev).all(|left| self.truth.may_be_left_out(left, until)));
            if rev < after {
                self.found.push(Broken::Swapped { after, then: rev });
            } else if rev != after + 1 && !is_whole() {
                self.found.push(Broken::Gap { after, then: rev });
            }
        }
        self.cursor = Some(self.cursor.map_or(rev, |c| c.max(rev)));
    }

    /// Up to where a change that comes now may be left out for a later one.
    fn until(&self) -> Option<i64> {
        (self.truth.stored.may_jump || self.head.is_some()).then_some(self.truth.stored.last_rev)
    }

    fn message(&mut self, message: &Message) {
        if !self.joined {
            self.found.push(Broken::BeforeWelcome { seq: message.seq });
        }
        self.text_is_back(message, self.cursor.unwrap_or_default().max(message.rev));
        self.moves(message.rev, self.until());
        self.state(message);
        self.put(message);
        self.head.take_if(|head| *head <= message.rev);
    }

    fn put(&mut self, message: &Message) {
        let is_older = self.list.first_key_value().is_some_and(|(first, _)| message.seq < *first);
        if self.has_more && is_older {
            return;
        }
        if self.list.get(&message.seq).is_none_or(|known| known.rev <= message.rev) {
            self.list.insert(message.seq, message.clone());
        }
    }

    fn reaction(&mut self, reaction: &Reactions) {
        let (seq, rev) = (reaction.seq, reaction.rev);
        if !self.joined {
            self.found.push(Broken::BeforeWelcome { seq });
        }
        self.moves(rev, self.until());
        let row = self.truth.by_seq.get(&seq);
        if let Some(row) = row.filter(|row| rev > row.rev || reaction.id != row.id) {
            self.found.push(Broken::Phantom { seq, client_id: row.client_id });
        }
        let Some(mut message) = self.list.get(&seq).filter(|m| m.rev < rev).cloned() else { return };
        message.rev = rev;
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
        self.state(&message);
        self.list.insert(seq, message);
    }

    /// The latest page begins a new list: what was told before may come again.
    fn starts_over(&mut self, rev: i64, has_more: bool, messages: &[Message]) {
        self.told.clear();
        self.list.clear();
        self.has_more = has_more;
        let first = messages.first().map_or(rev + 1, |m| m.seq);
        let mut there = self.truth.by_seq.range(..=rev).map(|(seq, _)| *seq);
        if has_more != there.next().is_some_and(|oldest| oldest < first) {
            self.found.push(Broken::WrongHasMore { first });
        }
        let mut due = self.truth.by_seq.range(first..=rev.max(first)).map(|(seq, _)| *seq);
        let mut last = first - 1;
        for message in messages {
            // What is no row is a phantom, and no hole.
            if self.truth.by_seq.contains_key(&message.seq) {
                let next = due.find(|seq| *seq > last);
                if next.is_some_and(|next| next < message.seq) {
                    self.found.push(Broken::Gap { after: last, then: message.seq });
                }
            }
            if message.seq <= last {
                self.found.push(Broken::Swapped { after: last, then: message.seq });
            }
            last = last.max(message.seq);
        }
        if let Some(left) = self.truth.by_seq.range(last + 1..=rev.max(last + 1)).next().filter(|(seq, _)| **seq <= rev)
        {
            self.found.push(Broken::Gap { after: last, then: *left.0 });
        }
        self.told.extend(messages.iter().map(|m| m.rev));
        for message in messages {
            self.told_at(message, rev);
        }
        self.cursor = Some(rev);
    }

    /// A message that is to be as it was at a value of the counter.
    fn told_at(&mut self, message: &Message, rev: i64) {
        self.text_is_back(message, rev);
        if message.rev > rev || self.truth.is_followed(message.seq, message.rev, rev) {
            self.found.push(Broken::Stale { seq: message.seq, rev: message.rev });
        }
        self.state(message);
        self.put(message);
    }

    fn resumes(&mut self, rev: i64, messages: &[Message]) {
        for message in messages {
            self.moves(message.rev, Some(rev));
            self.told_at(message, rev);
        }
        let reached = self.cursor.unwrap_or(rev);
        if reached != rev {
            self.found.push(Broken::Gap { after: reached, then: rev + 1 });
        }
    }

    /// What the client has at the end is what the database has.
    fn ends(&mut self) {
        let last_rev = self.truth.stored.last_rev;
        let Some(cursor) = self.cursor else {
            if last_rev > 0 {
                self.found.push(Broken::NeverSaw { cursor: 0, last_rev });
            }
            return;
        };
        if cursor < last_rev {
            return self.found.push(Broken::NeverSaw { cursor, last_rev });
        }
        let others = self.list.values().filter(|m| self.truth.by_seq.get(&m.seq) != Some(m));
        let mut seqs: BTreeSet<i64> = others.map(|m| m.seq).collect();
        if let Some((first, _)) = self.list.first_key_value() {
            seqs.extend(self.truth.by_seq.range(first..).map(|(seq, _)| *seq).filter(|s| !self.list.contains_key(s)));
        }
        self.found.extend(seqs.into_iter().map(|seq| Broken::EndsOtherwise { seq }));
    }
}

/// What is broken in one client's history alone.
pub fn check_history(client: &History, truth: &Truth<'_>) -> Vec<Broken> {
    let stored = truth.stored;
    let (cursor, told, list, found) = (None, BTreeSet::new(), BTreeMap::new(), Vec::new());
    let mut reader = Reader { truth, cursor, told, head: None, list, has_more: false, joined: false, found };
    let mut asked = None;
    let mut answers = Answers { truth, sent: BTreeMap::new(), acks: BTreeMap::new(), refused: BTreeSet::new() };
    for (_, event) in &client.events {
        match event {
            Event::Connected => (reader.joined, reader.head, asked) = (false, None, None),
            Event::Asked(resume) => asked = resume.as_ref(),
            Event::Welcome { epoch, rev, head, resumed, has_more, messages } => {
                (reader.joined, reader.head) = (true, *head);
                if *epoch != stored.epoch {
                    reader.found.push(Broken::OtherEpoch { told: epoch.clone() });
                }
                let asked = asked.take().filter(|a| a.epoch == *epoch);
                let had = asked.map(|a| i64::try_from(a.rev).unwrap_or(i64::MAX));
                if let Some(had) = had.filter(|had| rev < had) {
                    reader.found.push(Broken::WentBack { had, told: *rev });
                }
                if !resumed {
                    reader.starts_over(*rev, *has_more, messages);
                    continue;
                }
                if had.is_none() {
                    reader.found.push(Broken::ResumedUnasked { rev: *rev });
                }
                reader.resumes(*rev, messages);
            }
            Event::Message(message) => reader.message(message),
            Event::Reaction(reaction) => reader.reaction(reaction),
            Event::Sent { client_id, command } => drop(answers.sent.insert(*client_id, command)),
            Event::Ack(ack) => answers.ack(ack, &mut reader.found),
            Event::Refused { client_id: Some(client_id), code } => answers.refuse(*client_id, *code, &mut reader.found),
            Event::Refused { .. } | Event::Closed(_) => {}
        }
    }
    reader.ends();
    let mut found = reader.found;
    answers.check(&mut found);
    found
}

/// What a client was answered.
struct Answers<'a> {
    truth: &'a Truth<'a>,
    sent: BTreeMap<Uuid, &'a Command>,
    /// The first one of each command, and the value that it took, where one is told.
    acks: BTreeMap<Uuid, (&'a AckPayload, Option<i64>)>,
    /// For good.
    refused: BTreeSet<Uuid>,
}

impl<'a> Answers<'a> {
    fn ack(&mut self, ack: &'a AckPayload, found: &mut Vec<Broken>) {
        let value = (ack.rev != ack.seq).then_some(ack.rev);
        let (first, took) = self.acks.entry(ack.client_id).or_insert((ack, value));
        // A repeat took no value, and is told that of the message's creation.
        let same = AckPayload { rev: first.rev, ..ack.clone() } == **first;
        if !same || matches!((*took, value), (Some(one), Some(other)) if one != other) {
            found.push(Broken::AckChanged { client_id: ack.client_id });
        }
        *took = took.or(value);
    }

    fn refuse(&mut self, client_id: Uuid, code: ErrorCode, found: &mut Vec<Broken>) {
        let target = match self.truth.commands.get(&client_id) {
            Some((_, Command::Edit { id, .. } | Command::Delete { id } | Command::React { id, .. })) => Some(&**id),
            _ => None,
        };
        let is_by_order = self.truth.stored.is_moderated && matches!(code, ErrorCode::Banned | ErrorCode::Locked);
        // A message is sent again until it may be.
        if is_final(code) && !(is_by_order && target.is_none()) {
            self.refused.insert(client_id);
            let row = target.and_then(|id| self.truth.by_id.get(id));
            let was_deleted = row.is_some_and(|row| is_deleted(row) || self.truth.is_touched(row));
            if !is_by_order && (code != ErrorCode::MessageDeleted || !was_deleted) {
                found.push(Broken::WrongRefusal { client_id, code: code.as_str().to_owned() });
            }
        }
    }

    fn check(&self, found: &mut Vec<Broken>) {
        let truth = self.truth;
        let by_key: BTreeMap<Uuid, &Message> = truth.by_seq.values().map(|row| (row.client_id, *row)).collect();
        for (client_id, (ack, took)) in &self.acks {
            let client_id = *client_id;
            if !self.sent.contains_key(&client_id) {
                found.push(Broken::UnknownAck { client_id });
            }
            // The whole run's, so that a part of the history shows the same.
            let command = truth.commands.get(&client_id).map(|(_, command)| *command);
            let row = match command {
                Some(Command::Edit { id, .. } | Command::Delete { id } | Command::React { id, .. }) => {
                    truth.by_id.get(&**id)
                }
                Some(Command::Message { .. }) | None => by_key.get(&client_id),
            };
            let Some(row) = row else {
                found.push(Broken::Lost { client_id, seq: ack.seq });
                continue;
            };
            let told = (ack.id.as_str(), ack.seq, took.unwrap_or(ack.seq), ack.created_at.as_str());
            let is_new = matches!(command, Some(Command::Message { .. }) | None);
            let took_max = if is_new { row.seq } else { row.rev };
            let is = (&*row.id, row.seq, told.2.clamp(row.seq, took_max), &*row.created_at);
            if told != is {
                let (told, stored) = (format!("{told:?}"), format!("{is:?}"));
                found.push(Broken::WrongAck { client_id, told, stored });
            }
            self.holds(client_id, command, row, found);
        }
        let is_answered = |id: &Uuid| self.acks.contains_key(id) || self.refused.contains(id);
        let unanswered = self.sent.keys().filter(|id| !is_answered(id));
        found.extend(unanswered.map(|client_id| Broken::Unanswered { client_id: *client_id }));
    }

    /// What was acknowledged is so, unless it was undone.
    fn holds(&self, client_id: Uuid, command: Option<&Command>, row: &Message, found: &mut Vec<Broken>) {
        let (seq, is_touched) = (row.seq, self.truth.is_touched(row));
        match command {
            Some(Command::Edit { id, version: of, content }) => {
                let is_kept = self.truth.edits.get(&(&**id, *of)).is_some_and(|edit| edit.client_id == client_id);
                let is_shown = is_deleted(row) || is_touched || self.truth.text(row, of + 1) == Some(content);
                if !is_kept || !is_shown {
                    found.push(Broken::EditLost { client_id, seq });
                }
            }
            // With the deletion by somebody else its own is taken back as well, and reactions are gone.
            Some(Command::Delete { .. } | Command::React { .. }) if is_touched => {}
            Some(Command::Delete { .. }) if !is_deleted(row) => found.push(Broken::DeletionLost { client_id, seq }),
            Some(Command::React { id, emoji, on }) if !is_deleted(row) => {
                let Some((Some(author), _)) = self.truth.commands.get(&client_id) else { return };
                let undone = self.truth.taken_back.contains(&(&**id, *author, &**emoji));
                let with = self.truth.reactions.get(&**id).and_then(|table| table.get(&**emoji));
                let is_there = with.is_some_and(|authors| authors.contains(author));
                // Who has taken it back does not ask for it again.
                if is_there != *on && (!*on || !undone) {
                    found.push(Broken::ReactionLost { client_id, seq });
                }
            }
            _ => {}
        }
    }
}
