//! What URLs ask for: the room in a path, pages in a query. Pure, so that it can be fuzzed by itself.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use chat_domain::{Author, AuthorId, Emoji, Epoch, PageCursor, ParseError, RoomId};

/// Most messages of one page.
const LIMIT_MAX: usize = 100;
const NO_LIMIT: &str = "limit is a whole number from 1 to 100";
const NO_CURSOR: &str = "cursor is the nextCursor of an earlier answer";

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

/// The message that a path names: its segment `n`, counted from 1. `None` where it is no id.
pub fn message_in_path(path: &str, n: usize) -> Option<i64> {
    whole(path.split('/').nth(n)?)
}

/// Which messages a query asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageQuery {
    /// From where.
    pub cursor: PageCursor,
    /// How many, where it says.
    pub limit: Option<usize>,
}

/// Reads `before`, `after`, `around` and `limit`. Other parameters are ignored; one that is given twice, or is no whole
/// number in its range, is refused.
///
/// # Errors
/// A sentence on what is wrong.
pub fn page_query(query: &str) -> Result<PageQuery, &'static str> {
    let [before, after, around, limit] = values(query, ["before", "after", "around", "limit"])
        .ok_or("before, after, around and limit are given once at most")?;
    let limit = limit_of(limit.as_deref(), LIMIT_MAX).ok_or(NO_LIMIT)?;
    let seq =
        |text: String| whole(&text).ok_or("before, after and around are whole numbers from 0 to 9223372036854775807");
    let cursor = match (before, after, around) {
        (None, None, None) => PageCursor::Latest,
        (Some(before), None, None) => PageCursor::Before(seq(before)?),
        (None, Some(after), None) => PageCursor::After(seq(after)?),
        (None, None, Some(around)) => PageCursor::Around(seq(around)?),
        _ => return Err("before, after and around exclude each other"),
    };
    Ok(PageQuery { cursor, limit })
}

/// Which changes of a room a query asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangesQuery {
    /// The life of the counter that `after` is a value of.
    pub epoch: Epoch,
    /// Those above this.
    pub after: i64,
    /// How many, where it says.
    pub limit: Option<usize>,
}

/// Reads `epoch`, `after` and `limit`, as [`page_query`] does.
///
/// # Errors
/// A sentence on what is wrong.
pub fn changes_query(query: &str) -> Result<ChangesQuery, &'static str> {
    let [epoch, after, limit] =
        values(query, ["epoch", "after", "limit"]).ok_or("epoch, after and limit are given once at most")?;
    let epoch = epoch.as_deref().and_then(Epoch::parse).ok_or("epoch is that of an earlier answer")?;
    let after = after.as_deref().and_then(whole).ok_or("after is a whole number from 0 to 9223372036854775807")?;
    let limit = limit_of(limit.as_deref(), LIMIT_MAX).ok_or(NO_LIMIT)?;
    Ok(ChangesQuery { epoch, after, limit })
}

/// Of which rooms somebody asks how many messages they have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomsQuery {
    /// The rooms, each once, in the order asked.
    pub ids: Vec<RoomId>,
    /// Whether it is asked how their last messages begin.
    pub with_last: bool,
}

/// Of so many rooms at once.
const ROOMS_MAX: usize = 100;

/// Reads `ids`, with commas between, each percent-encoded with its own commas, and `last`: `true` or `false`.
///
/// # Errors
/// A sentence on what is wrong.
pub fn rooms_query(query: &str) -> Result<RoomsQuery, &'static str> {
    const BAD: &str = "ids are 1 to 100 ids of rooms with commas between, last is true or false, each given once";
    let (mut asked, mut last) = (None, None);
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let slot = match name {
            "ids" => &mut asked,
            "last" => &mut last,
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return Err(BAD);
        }
    }
    let with_last = match last {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(BAD),
    };
    let mut ids: Vec<RoomId> = Vec::new();
    for part in asked.ok_or(BAD)?.split(',') {
        if part.contains('/') {
            return Err(BAD);
        }
        let id = room_in_path(part, 0).map_err(|_| BAD)?;
        if ids.contains(&id) {
            continue;
        }
        if ids.len() == ROOMS_MAX {
            return Err(BAD);
        }
        ids.push(id);
    }
    Ok(RoomsQuery { ids, with_last })
}

/// Which of those who react to a message a query asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReactorsQuery {
    /// With what.
    pub emoji: Emoji,
    /// Those behind this author.
    pub after: Option<AuthorId>,
    /// How many, where it says.
    pub limit: Option<usize>,
}

/// Most people of one page of those who react to a message.
pub const REACTORS_LIMIT_MAX: usize = LIMIT_MAX;

/// Reads `emoji`, `cursor` and `limit`, as [`page_query`] does.
///
/// # Errors
/// A sentence on what is wrong.
pub fn reactors_query(query: &str) -> Result<ReactorsQuery, &'static str> {
    let [emoji, cursor, limit] =
        values(query, ["emoji", "cursor", "limit"]).ok_or("emoji, cursor and limit are given once at most")?;
    let emoji = emoji.as_deref().and_then(|text| Emoji::parse(text).ok()).ok_or("emoji is exactly one emoji")?;
    let limit = limit_of(limit.as_deref(), REACTORS_LIMIT_MAX).ok_or(NO_LIMIT)?;
    let after = match cursor {
        None => None,
        Some(cursor) => Some(reactor_of(&cursor).ok_or(NO_CURSOR)?),
    };
    Ok(ReactorsQuery { emoji, after, limit })
}

/// The cursor of the page that begins behind this author. Opaque to clients.
pub fn reactor_cursor(author: &AuthorId) -> String {
    URL_SAFE_NO_PAD.encode(author.as_str())
}

fn reactor_of(cursor: &str) -> Option<AuthorId> {
    AuthorId::parse(&String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?)
}

/// The messages of which somebody asks what they react with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnReactionsQuery {
    /// The `seq` of the first.
    pub from: i64,
    /// The `seq` of the last.
    pub to: i64,
}

/// Reads `from` and `to`, as [`page_query`] does.
///
/// # Errors
/// A sentence on what is wrong.
pub fn own_reactions_query(query: &str) -> Result<OwnReactionsQuery, &'static str> {
    let [from, to] = values(query, ["from", "to"]).ok_or("from and to are given once")?;
    let seq = |text: Option<String>| text.as_deref().and_then(whole);
    match (seq(from), seq(to)) {
        (Some(from), Some(to)) if from <= to => Ok(OwnReactionsQuery { from, to }),
        (Some(_), Some(_)) => Err("from is not above to"),
        _ => Err("from and to are whole numbers from 0 to 9223372036854775807"),
    }
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
        Some(cursor) => Some(position_of(&cursor).ok_or(NO_CURSOR)?),
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

/// Which sessions a query asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionsQuery {
    /// Those of one server.
    pub server: Option<String>,
    /// Those of one person.
    pub user: Option<AuthorId>,
    /// Those behind this session of this server.
    pub after: Option<(String, Uuid)>,
    /// How many, where it says.
    pub limit: Option<usize>,
}

/// Most sessions of one page.
pub const SESSIONS_LIMIT_MAX: usize = 500;

/// Reads `server`, `user`, `cursor` and `limit`, as [`page_query`] does.
///
/// # Errors
/// A sentence on what is wrong.
pub fn sessions_query(query: &str) -> Result<SessionsQuery, &'static str> {
    let [server, user, cursor, limit] = values(query, ["server", "user", "cursor", "limit"])
        .ok_or("server, user, cursor and limit are given once at most")?;
    let limit = limit_of(limit.as_deref(), SESSIONS_LIMIT_MAX).ok_or("limit is a whole number from 1 to 500")?;
    let user = match user {
        None => None,
        Some(user) => Some(AuthorId::parse(&user).ok_or("user is the public id of a person")?),
    };
    let after = match cursor {
        None => None,
        Some(cursor) => Some(session_of(&cursor).ok_or(NO_CURSOR)?),
    };
    Ok(SessionsQuery { server, user, after, limit })
}

/// The cursor of the page that begins behind this session of this server. Opaque to clients.
pub fn session_cursor(server: &str, session: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(format!("{server}\n{session}"))
}

fn session_of(cursor: &str) -> Option<(String, Uuid)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (server, session) = text.split_once('\n')?;
    Some((server.to_owned(), Uuid::try_parse(session).ok()?))
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
        use PageCursor::{After, Around, Before, Latest};
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
            ("around=7&limit=3", Some((Around(7), Some(3)))),
            ("around=7&after=8", None),
            ("before=7&around=8", None),
            ("around=7&around=7", None),
            ("around=-7", None),
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
            id: AuthorId::from_stored("TV8DvW0uNlMNbA-3lTR1Sg"),
            nickname: chat_domain::Nickname::parse("걷는 판다").expect("a nickname"),
            avatar: chat_domain::AvatarName::derived_from(&AuthorId::from_stored("a")),
            badge: None,
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
    fn changes_are_asked_for_with_the_epoch_of_the_value() {
        const EPOCH: &str = "3be7b5e2-ca29-4b00-852f-d3b86e52892a";
        let epoch = Epoch::parse(EPOCH).expect("an epoch");
        assert_eq!(changes_query(&format!("epoch={EPOCH}&after=0")), Ok(ChangesQuery { epoch, after: 0, limit: None }));
        let query = format!("after=7&x=y&limit=100&epoch={EPOCH}");
        assert_eq!(changes_query(&query), Ok(ChangesQuery { epoch, after: 7, limit: Some(100) }));
        for query in ["", "after=7", "epoch=x&after=7", "limit=1", "epoch=&after=1"] {
            assert!(changes_query(query).is_err(), "{query}");
        }
        for rest in
            ["", "&after=", "&after=-1", "&after=x", "&after=1&after=1", "&after=1&limit=0", "&after=1&limit=101"]
        {
            assert!(changes_query(&format!("epoch={EPOCH}{rest}")).is_err(), "{rest}");
        }
    }

    #[test]
    fn those_who_react_are_asked_for_by_emoji_and_a_cursor_that_was_given() {
        let author = AuthorId::from_stored("TV8DvW0uNlMNbA-3lTR1Sg");
        let query = format!("emoji=%F0%9F%91%8D&cursor={}", reactor_cursor(&author));
        let emoji = Emoji::parse("👍").expect("an emoji");
        assert_eq!(reactors_query(&query), Ok(ReactorsQuery { emoji, after: Some(author), limit: None }));
        for query in [
            "",
            "emoji=",
            "emoji=x",
            "emoji=%F0%9F%91%8D%F0%9F%91%8D",
            "emoji=%F0%9F%91%8D&limit=101",
            "emoji=%F0%9F%91%8D&cursor=",
            "emoji=%F0%9F%91%8D&cursor=IA",
            "emoji=%F0%9F%91%8D&emoji=%F0%9F%91%8D",
        ] {
            assert!(reactors_query(query).is_err(), "{query}");
        }
    }

    #[test]
    fn own_reactions_are_asked_for_from_one_place_to_another() {
        assert_eq!(own_reactions_query("to=9&from=1"), Ok(OwnReactionsQuery { from: 1, to: 9 }));
        assert_eq!(own_reactions_query("from=3&to=3&x"), Ok(OwnReactionsQuery { from: 3, to: 3 }));
        for query in ["", "from=1", "to=1", "from=2&to=1", "from=x&to=1", "from=1&to=-1", "from=1&from=1&to=2"] {
            assert!(own_reactions_query(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_path_names_a_message_by_digits() {
        let message = |path| message_in_path(path, 2);
        assert_eq!(message("/messages/7"), Some(7));
        assert_eq!(message("/messages/7/reactions"), Some(7));
        for path in ["/messages", "/messages/", "/messages/x", "/messages/-1", "/messages/99999999999999999999"] {
            assert_eq!(message(path), None, "{path}");
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
            let _ = message_in_path(&text, 1);
            let _ = changes_query(&text);
            let _ = own_reactions_query(&text);
            let _ = reactors_query(&text);
            let _ = reactors_query(&format!("emoji=%F0%9F%91%8D&cursor={text}"));
        }
    }

    #[test]
    fn sessions_are_asked_for_by_server_and_person() {
        let session = Uuid::from_u128(7);
        let cursor = session_cursor("chat-0", session);
        let read = sessions_query(&format!("server=chat-0&user=abc&limit=500&cursor={cursor}")).expect("a query");
        let after = Some(("chat-0".to_owned(), session));
        let expected =
            SessionsQuery { server: Some("chat-0".into()), user: AuthorId::parse("abc"), after, limit: Some(500) };
        assert_eq!(read, expected);
        let all = SessionsQuery { server: None, user: None, after: None, limit: None };
        assert_eq!(sessions_query(""), Ok(all));
        for wrong in
            ["limit=501", "limit=0", "user=", "user=a%20b", "cursor=x", "cursor=", "user=a&user=a", "server=a&server="]
        {
            assert!(sessions_query(wrong).is_err(), "{wrong}");
        }
    }
}
