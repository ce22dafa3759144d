//! Any path and query. A room id that is accepted is accepted unchanged again, however it is escaped; what a query
//! was read as, written again, is read as the same.
#![no_main]

use chat_domain::{PageCursor, ROOM_ID_CODE_POINTS_MAX, RoomId};
use chat_wire::{PageQuery, page_query, room_in_path};
use libfuzzer_sys::fuzz_target;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

fuzz_target!(|url: &str| {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    for n in 2..5 {
        if let Ok(room) = room_in_path(path, n) {
            check(&room);
            let escaped: String = room.as_str().bytes().map(|b| format!("%{b:02x}")).collect();
            assert_eq!(room_in_path(&format!("/{}{escaped}", "x/".repeat(n - 1)), n).as_ref(), Ok(&room));
        }
    }
    if let Ok(room) = RoomId::parse(path) {
        check(&room);
    }
    if let Ok(read @ PageQuery { cursor, limit }) = page_query(query) {
        assert!(limit.is_none_or(|n| (1..=100).contains(&n)), "{limit:?}");
        let cursor = match cursor {
            PageCursor::Latest => String::new(),
            PageCursor::Before(seq) => format!("before={seq}"),
            PageCursor::After(seq) => format!("%61fter={seq}"),
            PageCursor::Around(seq) => format!("around={seq}"),
        };
        let limit = limit.map(|n| format!("limit=0{n}&")).unwrap_or_default();
        let written = format!("{limit}x=y&{cursor}");
        assert_eq!(page_query(&written), Ok(read), "{written}");
    }
});

fn check(room: &RoomId) {
    let id = room.as_str();
    assert!((1..=ROOM_ID_CODE_POINTS_MAX).contains(&id.chars().count()), "{id:?}");
    assert!(!id.contains('/') && id != "." && id != "..", "{id:?}");
    assert_eq!(RoomId::parse(id).as_ref(), Ok(room));
    let escaped = utf8_percent_encode(id, NON_ALPHANUMERIC).to_string();
    assert_eq!(RoomId::parse_percent_encoded(&escaped).as_ref(), Ok(room));
}
