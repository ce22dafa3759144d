//! What URLs ask for: the room in a path, pages in a query. Pure, so that it can be fuzzed by itself.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;

use chat_domain::{Author, PageCursor, ParseError, RoomId};

/// Most messages of one page.
const LIMIT_MAX: usize = 100;

/// The room that a path names: its segment `n`, counted from 1, still percent-encoded.
///
/// # Errors
/// [`ParseError::Room`] where it names none.
pub fn room_in_path(path: &str, n: usize) -> Result<RoomId, ParseError> {
    let segment = path.split('/').nth(n).unwrap_or_default();
    // The decoder leaves a `%` that begins no escape as it stands, so `%25x` and `%x` would be the same room: the
    // latter is refused.
    let is_escape = |s: &str| s.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if !segment.split('%').skip(1).all(is_escape) {
        return Err(ParseError::Room);
    }
    RoomId::parse_percent_encoded(segment)
}

/// Which messages a query asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageQuery {
    /// From where.
    pub cursor: PageCursor,
    /// How many, where it says.
    pub limit: Option<usize>,
}

/// Reads `before`, `after` and `limit`. Other parameters are ignored; one that is given twice, or is no whole
/// number in its range, is refused.
///
/// # Errors
/// A sentence on what is wrong.
pub fn page_query(query: &str) -> Result<PageQuery, &'static str> {
    let [before, after, limit] =
        values(query, ["before", "after", "limit"]).ok_or("before, after and limit are given once at most")?;
    let limit = limit_of(limit.as_deref(), LIMIT_MAX).ok_or("limit is a whole number from 1 to 100")?;
    let no_number = "before and after are whole numbers from 0 to 9223372036854775807";
    let cursor = match (before, after) {
        (None, None) => PageCursor::Latest,
        (Some(before), None) => PageCursor::Before(whole(&before).ok_or(no_number)?),
        (None, Some(after)) => PageCursor::After(whole(&after).ok_or(no_number)?),
        (Some(_), Some(_)) => return Err("before and after exclude each other"),
    };
    Ok(PageQuery { cursor, limit })
}

/// Which of the people in a room a query asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembersQuery {
    /// Those who come after this nickname and id in the order of the list.
    pub after: Option<(String, String)>,
    /// How many, where it says.
    pub limit: Option<usize>,
}

/// Most people of one page.
pub const MEMBERS_LIMIT_MAX: usize = 500;

/// Reads `cursor` and `limit`, as [`page_query`] does.
///
/// # Errors
/// A sentence on what is wrong.
pub fn members_query(query: &str) -> Result<MembersQuery, &'static str> {
    let [cursor, limit] = values(query, ["cursor", "limit"]).ok_or("cursor and limit are given once at most")?;
    let limit = limit_of(limit.as_deref(), MEMBERS_LIMIT_MAX).ok_or("limit is a whole number from 1 to 500")?;
    let after = match cursor {
        None => None,
        Some(cursor) => Some(position_of(&cursor).ok_or("cursor is the nextCursor of an earlier answer")?),
    };
    Ok(MembersQuery { after, limit })
}

/// The cursor of the page that begins after this author. Opaque to clients; it holds id and nickname.
pub fn cursor_of(author: &Author) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}\n{}", author.id.as_str(), author.nickname.as_str()))
}

fn position_of(cursor: &str) -> Option<(String, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (id, nickname) = text.split_once('\n')?;
    Some((nickname.to_owned(), id.to_owned()))
}

/// The values of these parameters; others are ignored. `None` where one is given twice.
fn values<const N: usize>(query: &str, names: [&str; N]) -> Option<[Option<String>; N]> {
    let mut values = [const { None }; N];
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = percent_decode_str(name).decode_utf8_lossy();
        let Some((_, slot)) = names.iter().zip(&mut values).find(|(known, _)| **known == name) else { continue };
        if slot.replace(percent_decode_str(value).decode_utf8_lossy().into_owned()).is_some() {
            return None;
        }
    }
    Some(values)
}

/// How many are asked for, where it says; `None` where that is no whole number from 1 to `max`.
fn limit_of(text: Option<&str>, max: usize) -> Option<Option<usize>> {
    let Some(text) = text else { return Some(None) };
    let n = whole(text).and_then(|n| usize::try_from(n).ok())?;
    (1..=max).contains(&n).then_some(Some(n))
}

/// Digits only: no sign, no space. Above 64 bits it is refused: no counter can have given it out.
fn whole(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_cursors_and_refuses_what_is_none() {
        use PageCursor::{After, Before, Latest};
        for (query, expected) in [
            ("", Some((Latest, None))),
            ("limit=1", Some((Latest, Some(1)))),
            ("before=7&x=y", Some((Before(7), None))),
            ("after=0&limit=100", Some((After(0), Some(100)))),
            ("after=9223372036854775807", Some((After(i64::MAX), None))),
            ("after=9223372036854775808", None),
            ("before=99999999999999999999", None),
            ("limit=18446744073709551617", None),
            ("limit=0000000000000000000000005", Some((Latest, Some(5)))),
            ("before=%37", Some((Before(7), None))),
            ("before=7&after=8", None),
            ("before=7&before=8", None),
            ("before=", None),
            ("before", None),
            ("before=abc", None),
            ("after=-1", None),
            ("after=+1", None),
            ("after=1.5", None),
            ("limit=0", None),
            ("limit=101", None),
            ("limit=ten", None),
            ("before=%FF", None),
        ] {
            let expected = expected.map(|(cursor, limit)| PageQuery { cursor, limit });
            assert_eq!(page_query(query).ok(), expected, "{query}");
        }
    }

    #[test]
    fn a_cursor_comes_back_as_it_was_given() {
        let author = Author {
            id: chat_domain::AuthorId::from_stored("TV8DvW0uNlMNbA-3lTR1Sg"),
            nickname: chat_domain::Nickname::parse("걷는 판다").expect("a nickname"),
            avatar: chat_domain::AvatarName::derived_from(&chat_domain::AuthorId::from_stored("a")),
        };
        let query = members_query(&format!("limit=500&cursor={}", cursor_of(&author))).expect("a query");
        assert_eq!(query.after, Some(("걷는 판다".to_owned(), "TV8DvW0uNlMNbA-3lTR1Sg".to_owned())));
        assert_eq!(query.limit, Some(500));
        assert_eq!(members_query("x=y"), Ok(MembersQuery { after: None, limit: None }));
        for query in [
            "limit=0",
            "limit=501",
            "limit=-1",
            "limit=99999999999999999999",
            "cursor=",
            "cursor=*",
            "cursor=YQ",
            "cursor=a&cursor=b",
            "limit=1&limit=1",
        ] {
            assert!(members_query(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_path_names_a_room_by_whole_escapes_only() {
        let room = |path| room_in_path(path, 2).map(|room| room.to_string());
        assert_eq!(room("/room/a%2Db"), Ok("a-b".into()));
        assert_eq!(room("/room/%ED%95%9C/more"), Ok("한".into()));
        for path in ["", "/", "/room", "/room/", "/room//x", "/room/%", "/room/%2", "/room/50%x", "/room/%2é"] {
            assert_eq!(room(path), Err(ParseError::Room), "{path}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = page_query(&text);
            let _ = members_query(&text);
            let _ = members_query(&format!("cursor={text}"));
            let _ = room_in_path(&text, 2);
        }
    }
}
