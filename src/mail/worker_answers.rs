//! Letters about answers, made from what is stored when they go.

use chrono::TimeDelta;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

use super::{
    follower::{Telling, is_for},
    made::{Made, Told, Worker},
};
use chat_domain::{ChatMessage, RoomId};
use chat_mail::{Answered, Language, Said, answers, answers_asked};
use chat_store::{AnswerMail, Job, StoreError};

/// A letter shows so many answers, and of each so many characters: the rest stands in the room.
const SHOWN_MAX: usize = 10;
const SHOWN_CHARS_MAX: usize = 600;
/// So often answers are read for one letter, two hundred each time.
const READS_MAX: usize = 50;
/// Characters of a path that need no escape (RFC 3986, section 2.3).
const IN_URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What there is to tell.
#[derive(Default)]
struct Found {
    first: Option<ChatMessage>,
    said: Vec<Said>,
    n: usize,
}

impl Worker {
    /// Asks an address whether it wants to be mailed of answers.
    pub(super) async fn answers_asked(&self, job: &Job) -> Result<Made, StoreError> {
        let Ok(id) = Uuid::parse_str(&job.subject) else { return Ok(Made::Nobody) };
        let Some(row) = self.inner().store.answer_mail(id).await?.filter(|row| !row.is_confirmed) else {
            return Ok(Made::Nobody);
        };
        let language = Language::of(&row.language);
        let code = self.accounts.answers_code(id);
        let url = format!("{}/answers?lang={}#{code}", self.inner().settings.public_url, language.tag());
        let letter = answers_asked(language, (&self.host(), name(&row)), url);
        // Asked again it is another letter.
        Ok(Made::Letter { letter: Box::new(letter), to: row.email, id: letter_id(id, job.id), told: None })
    }

    /// Tells somebody of all that is new to them by now.
    pub(super) async fn answers(&self, job: &Job) -> Result<Made, StoreError> {
        let Ok(Telling { id, row }) = serde_json::from_str(&job.subject) else { return Ok(Made::Nobody) };
        let Some(row) = self.inner().store.answer_mail(row).await?.filter(|row| row.is_confirmed) else {
            return Ok(Made::Nobody);
        };
        let told = Told { row: row.id, upto: row.last_rev };
        let found = self.found(&row).await?;
        let Some(first) = &found.first else {
            self.inner().store.answers_mailed(told.row, told.upto, None).await?;
            return Ok(Made::Nobody);
        };
        let language = Language::of(&row.language);
        let (public_url, room) = (&self.inner().settings.public_url, in_url(&row.room));
        let answered = Answered {
            host: self.host(),
            room: name(&row).to_owned(),
            n_more: found.n.saturating_sub(found.said.len()),
            url: format!("{public_url}/room/{room}?lang={}#m-{}", language.tag(), first.seq),
            stop: format!("{public_url}/answers/{}?room={room}&lang={}", row.address_key, language.tag()),
            said: found.said,
        };
        let letter = Box::new(answers(language, answered));
        Ok(Made::Letter { letter, to: row.email, id, told: Some(told) })
    }

    async fn found(&self, row: &AnswerMail) -> Result<Found, StoreError> {
        let store = &self.inner().store;
        let (mut found, mut from) = (Found::default(), row.first_rev);
        for _ in 0..READS_MAX {
            let (read, upto) = store.answers_between(row.room.clone(), (from, row.last_rev)).await?;
            for answer in read.iter().filter(|answer| is_for(&row.author, answer, |author| self.accounts.owner(author)))
            {
                found.n = found.n.saturating_add(1);
                if found.said.len() >= SHOWN_MAX {
                    continue;
                }
                // As it is now: what was deleted a moment ago does not leave.
                match store.message(&row.room, answer.message).await?.filter(|message| !message.is_deleted()) {
                    Some(message) => {
                        let by = message.author.nickname.as_str().to_owned();
                        found.said.push(Said { by, text: shortened(message.content.as_str()) });
                        found.first.get_or_insert(message);
                    }
                    None => found.n = found.n.saturating_sub(1),
                }
            }
            if upto >= row.last_rev {
                break;
            }
            from = upto.saturating_add(1);
        }
        Ok(found)
    }

    /// A letter about answers went, or never will.
    pub(super) async fn answers_told(&self, told: Told, how: &str) -> Result<(), StoreError> {
        let store = &self.inner().store;
        if how == "refused" {
            // There is no such address, or it wants nothing from here.
            return store.forget_answers(told.row).await;
        }
        let every = TimeDelta::from_std(self.inner().settings.answers_every).unwrap_or(TimeDelta::MAX);
        store.answers_mailed(told.row, told.upto, Some(every)).await
    }
}

/// What a room is called.
fn name(row: &AnswerMail) -> &str {
    row.title.as_deref().unwrap_or(row.room.as_str())
}

fn in_url(room: &RoomId) -> String {
    utf8_percent_encode(room.as_str(), IN_URL).to_string()
}

/// The same for each try of one job, and another one for another job about the same row.
fn letter_id(row: Uuid, job: i64) -> Uuid {
    Uuid::from_u128(row.as_u128() ^ u128::from(job.unsigned_abs()))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_answer_is_cut_between_two_characters() {
        assert_eq!(shortened("수달"), "수달");
        assert_eq!(shortened(&"수".repeat(SHOWN_CHARS_MAX)).chars().count(), SHOWN_CHARS_MAX);
        let cut = shortened(&"수".repeat(SHOWN_CHARS_MAX + 1));
        assert_eq!((cut.chars().count(), cut.ends_with('…')), (SHOWN_CHARS_MAX + 1, true));
    }

    #[test]
    fn each_letter_of_a_row_is_another_one() {
        let row = Uuid::from_u128(7);
        assert_eq!(letter_id(row, 1), letter_id(row, 1));
        assert_ne!(letter_id(row, 1), letter_id(row, 2));
    }
}
