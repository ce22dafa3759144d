//! What a URL says: pure, so that it can be fuzzed by itself.

use percent_encoding::percent_decode_str;

use crate::{
    domain::{ParseError, RoomId},
    store::PageCursor,
};

/// Most messages of one page.
const LIMIT_MAX: usize = 100;

/// The room that a path names: its segment `n`, counted from 1, still percent-encoded.
///
/// # Errors
/// [`ParseError::Room`] where it names none.
pub fn room_in_path(path: &str, n: usize) -> Result<RoomId, ParseError> {
    let segment = path.split('/').nth(n).unwrap_or_default();
    // The decoder leaves what is no escape as it stands; two ids that mean the same would be one room then.
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
    let (mut before, mut after, mut limit) = (None, None, None);
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let place = match &*percent_decode_str(name).decode_utf8_lossy() {
            "before" => &mut before,
            "after" => &mut after,
            "limit" => &mut limit,
            _ => continue,
        };
        let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
        if place.replace(value).is_some() {
            return Err("before, after and limit are given once at most");
        }
    }
    let limit = match limit.map(|l| whole(&l).and_then(|n| usize::try_from(n).ok())) {
        None => None,
        Some(Some(n)) if (1..=LIMIT_MAX).contains(&n) => Some(n),
        Some(_) => return Err("limit is a whole number from 1 to 100"),
    };
    let no_number = "before and after are whole numbers from 0";
    let cursor = match (before, after) {
        (None, None) => PageCursor::Latest,
        (Some(before), None) => PageCursor::Before(whole(&before).ok_or(no_number)?),
        (None, Some(after)) => PageCursor::After(whole(&after).ok_or(no_number)?),
        (Some(_), Some(_)) => return Err("before and after exclude each other"),
    };
    Ok(PageQuery { cursor, limit })
}

/// Digits only: no sign, no space. What is beyond every counter counts as the largest.
fn whole(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(i64::MAX))
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
            ("after=99999999999999999999", Some((After(i64::MAX), None))),
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
            let _ = room_in_path(&text, 2);
        }
    }
}
