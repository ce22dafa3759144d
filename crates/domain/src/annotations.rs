use chrono::{DateTime, Utc};

use super::{AuthorId, Content, Emoji};

/// Most mentions that a message keeps (docs/PROTOCOL.md).
pub const MENTIONS_MAX: usize = 20;
/// Most different emojis on a message (docs/PROTOCOL.md).
pub const REACTIONS_MAX: usize = 20;
/// How many of those who reacted with an emoji are named: those who did first.
pub const REACTION_AUTHORS_MAX: usize = 5;
/// Most pinned messages in a room (docs/PROTOCOL.md).
pub const PINS_MAX: usize = 10;

/// What goes with a message beside its text, and what was done to it since. Most messages have nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotations {
    /// 1 as it was sent, one more with each edit.
    pub version: i32,
    /// When it was last edited.
    pub edited_at: Option<DateTime<Utc>>,
    /// When it was deleted, and by whom. Then its text and all else here is gone.
    pub deleted: Option<(DateTime<Utc>, DeletedBy)>,
    /// When it was pinned.
    pub pinned_at: Option<DateTime<Utc>>,
    /// The message of the same room that it answers.
    pub reply_to: Option<MessageRef>,
    /// Who is addressed in it, in the order of their places.
    pub mentions: Vec<Mention>,
    /// In the order of their first use.
    pub reactions: Vec<Reaction>,
}

impl Default for Annotations {
    fn default() -> Self {
        Self {
            version: 1,
            edited_at: None,
            deleted: None,
            pinned_at: None,
            reply_to: None,
            mentions: Vec::new(),
            reactions: Vec::new(),
        }
    }
}

/// Who deleted a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletedBy {
    /// Whoever wrote it: nothing of its text is kept.
    Author,
    /// Somebody with the right to: its text is kept for a while, for those who may undo it.
    Moderator,
}

impl DeletedBy {
    /// As it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Moderator => "moderator",
        }
    }
}

/// Which message is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageRef {
    /// The database's id.
    pub id: i64,
    /// Its place in the list.
    pub seq: i64,
}

/// A place in a message's text where somebody is addressed, the `@` included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Who.
    pub author: AuthorId,
    /// Its first code point.
    pub from: u32,
    /// The code point behind its last.
    pub to: u32,
}

/// How many people reacted to a message with one emoji.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The emoji.
    pub emoji: Emoji,
    /// How many: 0 only where it is said that nobody does any more.
    pub count: i64,
    /// The first of them, [`REACTION_AUTHORS_MAX`] at most.
    pub authors: Vec<AuthorId>,
}

/// The mentions of a text that is to be stored, and of whom it must still be asked whether they ever wrote here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewMentions {
    mentions: Vec<Mention>,
    unknown: Vec<AuthorId>,
}

impl NewMentions {
    /// Those of the asked ones that can be: each begins with an `@` of the text and ends within it, and none overlaps
    /// one before it. At most [`MENTIONS_MAX`]. `is_known`: whether somebody is here or wrote here, as far as is known.
    pub fn new(
        content: &Content,
        asked: impl IntoIterator<Item = Mention>,
        is_known: impl Fn(&AuthorId) -> bool,
    ) -> Self {
        let mut asked: Vec<Mention> = asked.into_iter().filter(|mention| mention.from < mention.to).collect();
        if asked.is_empty() {
            return Self::default();
        }
        asked.sort_by_key(|mention| mention.from);
        let mut found = Self::default();
        let (mut end, mut chars) = (0, (0_u32..).zip(content.as_str().chars()));
        let length = u32::try_from(content.as_str().chars().count()).unwrap_or(u32::MAX);
        for mention in asked {
            let fits = mention.from >= end && mention.to <= length && found.mentions.len() < MENTIONS_MAX;
            if !fits || chars.find(|(at, _)| *at == mention.from).is_none_or(|(_, c)| c != '@') {
                continue;
            }
            end = mention.to;
            if !is_known(&mention.author) && !found.unknown.contains(&mention.author) {
                found.unknown.push(mention.author.clone());
            }
            found.mentions.push(mention);
        }
        found
    }

    /// Those of whom it must be asked whether they ever wrote here.
    pub fn unknown(&self) -> &[AuthorId] {
        &self.unknown
    }

    /// Those that are kept: of the unknown authors the ones that wrote here.
    pub fn kept(&self, wrote_here: impl Fn(&AuthorId) -> bool) -> Vec<Mention> {
        let is_kept = |mention: &&Mention| !self.unknown.contains(&mention.author) || wrote_here(&mention.author);
        self.mentions.iter().filter(is_kept).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mention(name: &str, from: u32, to: u32) -> Mention {
        Mention { author: AuthorId::from_stored(name), from, to }
    }

    #[test]
    fn mentions_begin_with_an_at_sign_end_in_the_text_and_do_not_overlap() {
        let content = Content::parse("가 @나다 and @b, x").expect("a content");
        let asked = [
            mention("b", 10, 12),
            mention("a", 2, 5),
            mention("overlaps", 4, 6),
            mention("no at sign", 6, 8),
            mention("empty", 10, 10),
            mention("turned", 5, 2),
            mention("too long", 10, 99),
        ];
        let found = NewMentions::new(&content, asked, |author| author.as_str() == "a");
        assert_eq!(found.unknown(), [AuthorId::from_stored("b")]);
        assert_eq!(found.kept(|_| true), [mention("a", 2, 5), mention("b", 10, 12)]);
        assert_eq!(found.kept(|_| false), [mention("a", 2, 5)]);
    }

    #[test]
    fn twenty_mentions_are_kept() {
        let content = Content::parse(&"@".repeat(30)).expect("a content");
        let asked = (0..30).map(|n| mention("a", n, n + 1));
        assert_eq!(NewMentions::new(&content, asked, |_| true).kept(|_| true).len(), MENTIONS_MAX);
    }
}
