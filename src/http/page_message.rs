//! A message as it stands in the HTML of a room's page, before any script runs. `static/js/list/message-row.js` draws
//! the same, so that nothing moves when it takes over.

use std::collections::{HashMap, HashSet};

use chat_domain::{Annotations, Badge, ChatMessage};
use chat_wire::{AnnotationsPayload, timestamp};

/// Messages of one author stand together while they are at most this many minutes apart (as rows.js has it).
const GROUP_MINUTES: i64 = 5;

/// So much of a quoted message stands above its answer, in code points (as row-model.js has it).
const QUOTE_CODE_POINTS_MAX: usize = 120;

pub struct PageMessage {
    /// Names the day that begins with this message, as `Clock.dayOf` in the page does; empty within a day.
    pub day: String,
    /// Shown as one block with the message above it.
    pub continued: bool,
    pub id: i64,
    pub seq: i64,
    pub rev: i64,
    pub author_id: String,
    pub nickname: String,
    pub avatar: &'static str,
    /// The mark beside the name and the word for it, as `badges` in the page's words.
    pub badge: Option<(&'static str, &'static str)>,
    /// Empty where it is deleted.
    pub content: String,
    pub client_id: String,
    /// What goes with it beside its text, as JSON; empty where that is nothing.
    pub more: String,
    pub created_at: String,
    pub time: String,
    pub edited: bool,
    pub quote: Option<PageQuote>,
    /// Each emoji, and how many react with it.
    pub reactions: Vec<(String, i64)>,
}

/// What a message answers. Where that is not on the page both texts say nothing yet; its place is kept.
pub struct PageQuote {
    pub seq: i64,
    pub nickname: String,
    pub text: String,
}

/// Hours by which the page's clock is ahead of UTC: the reader's zone is unknown until scripts run, and a
/// Korean page is most likely read in Korea. A right guess spares the reader a list that moves.
fn hours_ahead(lang: &str) -> i64 {
    if lang == "ko" { 9 } else { 0 }
}

/// The messages that are shown: of a deleted one a line is left only where another one here answers it.
pub fn page_messages<'a>(messages: impl Iterator<Item = &'a ChatMessage>, lang: &str) -> Vec<PageMessage> {
    let messages: Vec<&ChatMessage> = messages.collect();
    let by_id: HashMap<i64, &ChatMessage> = messages.iter().map(|message| (message.id, *message)).collect();
    let answered: HashSet<i64> = messages
        .iter()
        .filter(|message| !message.is_deleted())
        .filter_map(|message| reply_to(message))
        .map(|(id, _)| id)
        .collect();
    let ahead = chrono::Duration::hours(hours_ahead(lang));
    let mut day_above = String::new();
    let mut above: Option<&ChatMessage> = None;
    let continues = |above: &ChatMessage, message: &ChatMessage| {
        above.author == message.author && (message.created_at - above.created_at).num_minutes() < GROUP_MINUTES
    };
    let page_message = |message: &'a ChatMessage| {
        let local = message.created_at + ahead;
        let mut day = local.format("%Y-%-m-%-d").to_string();
        if day == day_above {
            day.clear();
        } else {
            day_above.clone_from(&day);
        }
        let continued = day.is_empty() && above.is_some_and(|above| continues(above, message));
        above = Some(message);
        let ChatMessage { id, seq, rev, client_id, author, content, created_at, annotations } = message;
        PageMessage {
            day,
            continued,
            id: *id,
            seq: *seq,
            rev: *rev,
            author_id: author.id.as_str().to_owned(),
            nickname: author.nickname.as_str().to_owned(),
            avatar: author.avatar.as_str(),
            badge: author.badge.map(|badge| (badge.as_str(), word_for(badge, lang))),
            content: content.as_str().to_owned(),
            client_id: client_id.to_string(),
            more: annotations.as_deref().map(more).unwrap_or_default(),
            created_at: timestamp(*created_at),
            time: local.format("%H:%M").to_string(),
            edited: annotations.as_deref().is_some_and(|a| a.edited_at.is_some() && a.deleted.is_none()),
            quote: reply_to(message).map(|(id, seq)| quote(seq, by_id.get(&id).copied())),
            reactions: annotations.as_deref().map(reactions).unwrap_or_default(),
        }
    };
    let shown = messages.into_iter().filter(|message| !message.is_deleted() || answered.contains(&message.id));
    shown.map(page_message).collect()
}

fn word_for(badge: Badge, lang: &str) -> &'static str {
    match (badge, lang) {
        (Badge::Owner, "ko") => "운영자",
        (Badge::Owner, _) => "Owner",
        (Badge::Moderator, "ko") => "관리자",
        (Badge::Moderator, _) => "Moderator",
        (Badge::Member, "ko") => "회원",
        (Badge::Member, _) => "Member",
        (Badge::Verified, "ko") => "확인된 사용자",
        (Badge::Verified, _) => "Verified",
        (Badge::Bot, "ko") => "봇",
        (Badge::Bot, _) => "Bot",
    }
}

/// The id and the `seq` of what a message answers.
fn reply_to(message: &ChatMessage) -> Option<(i64, i64)> {
    message.annotations.as_deref()?.reply_to.as_ref().map(|reply| (reply.id, reply.seq))
}

fn reactions(annotations: &Annotations) -> Vec<(String, i64)> {
    annotations.reactions.iter().map(|one| (one.emoji.as_str().to_owned(), one.count)).collect()
}

fn quote(seq: i64, quoted: Option<&ChatMessage>) -> PageQuote {
    match quoted.filter(|message| !message.is_deleted()) {
        Some(message) => PageQuote {
            seq,
            nickname: message.author.nickname.as_str().to_owned(),
            text: excerpt(message.content.as_str()),
        },
        None => PageQuote { seq, nickname: String::new(), text: "…".to_owned() },
    }
}

/// One line of a text.
fn excerpt(content: &str) -> String {
    let words = |line: &'_ str| -> String {
        let line = line.trim_start();
        let line = line.strip_prefix('>').unwrap_or(line);
        let line =
            line.strip_prefix("```").map_or(line, |rest| rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric()));
        line.trim().to_owned()
    };
    let line = content.lines().map(words).find(|line| !line.is_empty()).unwrap_or_default();
    if line.chars().count() <= QUOTE_CODE_POINTS_MAX {
        return line;
    }
    line.chars().take(QUOTE_CODE_POINTS_MAX).chain(['…']).collect()
}

/// What goes with a message beside its text, as JSON, for the page.
fn more(annotations: &Annotations) -> String {
    serde_json::to_string(&AnnotationsPayload::from(annotations)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_one_line() {
        assert_eq!(excerpt("```rust\nfn main() {}\n```"), "fn main() {}");
        assert_eq!(excerpt("\n  > 인용\n답"), "인용");
        assert_eq!(excerpt(&"가".repeat(500)).chars().count(), QUOTE_CODE_POINTS_MAX + 1);
    }
}
