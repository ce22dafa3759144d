//! What of a message is JSON in a column: it is read and written as a whole.

use serde::{Deserialize, Serialize};

use chat_domain::{AuthorId, Emoji, Mention, Reaction};

/// An emoji, how many react with it, the first of them.
type ReactionJson = (String, i64, Vec<String>);
/// Whom, the first code point, the one behind the last.
type MentionJson = (String, u32, u32);

/// The reactions as the column has them; none where there are none.
pub(crate) fn of_reactions(reactions: &[Reaction]) -> Option<String> {
    let of = |r: &Reaction| -> ReactionJson {
        (r.emoji.as_str().to_owned(), r.count, r.authors.iter().map(|a| a.as_str().to_owned()).collect())
    };
    written(&reactions.iter().map(of).collect::<Vec<_>>())
}

/// The mentions as the column has them; none where there are none.
pub(crate) fn of_mentions(mentions: &[Mention]) -> Option<String> {
    let of = |m: &Mention| -> MentionJson { (m.author.as_str().to_owned(), m.from, m.to) };
    written(&mentions.iter().map(of).collect::<Vec<_>>())
}

fn written<T: Serialize>(all: &[T]) -> Option<String> {
    // Texts and numbers, for which there is no error.
    (!all.is_empty()).then(|| serde_json::to_string(all).unwrap_or_default())
}

/// What a column says; what somebody wrote there by hand that is nothing of the kind is nothing.
pub(crate) fn reactions_in(column: Option<&str>) -> Vec<Reaction> {
    let read: Vec<ReactionJson> = read(column);
    let reaction = |(emoji, count, authors): ReactionJson| Reaction {
        emoji: Emoji::from_stored(emoji),
        count,
        authors: authors.iter().map(|author| AuthorId::from_stored(author)).collect(),
    };
    read.into_iter().map(reaction).collect()
}

/// As [`reactions_in`].
pub(crate) fn mentions_in(column: Option<&str>) -> Vec<Mention> {
    let read: Vec<MentionJson> = read(column);
    read.into_iter().map(|(author, from, to)| Mention { author: AuthorId::from_stored(&author), from, to }).collect()
}

fn read<T: for<'de> Deserialize<'de>>(column: Option<&str>) -> Vec<T> {
    column.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let author = AuthorId::from_stored("a");
        let reactions =
            vec![Reaction { emoji: Emoji::parse("👍").expect("an emoji"), count: 7, authors: vec![author.clone()] }];
        let mentions = vec![Mention { author, from: 1, to: 3 }];
        assert_eq!(reactions_in(of_reactions(&reactions).as_deref()), reactions);
        assert_eq!(mentions_in(of_mentions(&mentions).as_deref()), mentions);
        assert_eq!((of_reactions(&[]), of_mentions(&[])), (None, None));
        for broken in [None, Some(""), Some("{}"), Some("[1]"), Some("null")] {
            assert_eq!((reactions_in(broken), mentions_in(broken)), (vec![], vec![]), "{broken:?}");
        }
    }
}
