//! What hangs on an archived message, as its columns have it.

use chrono::DateTime;
use uuid::Uuid;

use chat_domain::{AuthorId, Content, Emoji, PastText, Reacted};

/// Who reacts, with what, since when in microseconds since 1970.
type ReactorJson = (String, String, i64);
/// A version, what it said, the key of the edit that replaced it, when that was.
type EditJson = (i32, String, String, i64);

/// Who reacts to it, with what, and since when. What somebody wrote there by hand that is nothing of the kind is nothing.
pub(crate) fn reactors_in(column: Option<&str>) -> Vec<Reacted> {
    let read: Vec<ReactorJson> = column.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let reacted = |(author, emoji, at): ReactorJson| Reacted {
        author: AuthorId::from_stored(&author),
        emoji: Emoji::from_stored(emoji),
        at: DateTime::from_timestamp_micros(at).unwrap_or_default(),
    };
    read.into_iter().map(reacted).collect()
}

/// What it said before it was edited.
pub(crate) fn edits_in(column: Option<&str>) -> Vec<PastText> {
    let read: Vec<EditJson> = column.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let past = |(version, content, key, at): EditJson| PastText {
        version,
        content: Content::from_stored(content),
        client_id: Uuid::parse_str(&key).unwrap_or_default(),
        at: DateTime::from_timestamp_micros(at).unwrap_or_default(),
    };
    read.into_iter().map(past).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_read_as_both_databases_write_them() {
        let key = "67e5504410b1426f9247bb680e5fe0c8";
        let dashed = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        for key in [key, dashed] {
            let text = format!(r#"[[1, "before", "{key}", 1700000000123000],[2,"then","{key}",1700000001000000]]"#);
            let edits = edits_in(Some(&text));
            assert_eq!(
                edits.iter().map(|e| (e.version, e.content.as_str())).collect::<Vec<_>>(),
                [(1, "before"), (2, "then")]
            );
            assert_eq!(
                (edits[0].client_id.to_string().as_str(), edits[0].at.timestamp_millis()),
                (dashed, 1_700_000_000_123)
            );
        }
        let reactors = reactors_in(Some(r#"[["a", "👍", 1700000000123000]]"#));
        assert_eq!((reactors[0].author.as_str(), reactors[0].emoji.as_str()), ("a", "👍"));
        assert_eq!(reactors[0].at.timestamp_millis(), 1_700_000_000_123);
        assert!(reactors_in(None).is_empty() && reactors_in(Some("{}")).is_empty() && edits_in(Some("[1]")).is_empty());
    }
}
