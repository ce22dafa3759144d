//! What clients send, whole and in pieces, right and wrong.

use chat_stomp::{BadEscape, BadFrame, Command, Decoder, Frame, Inbound, Limits, Version, Writer};
use proptest::prelude::*;

const LIMITS: Limits = Limits { head_bytes: 256, headers: 8, body_bytes: 64 };

/// Everything in `bytes`, or up to the first error, which comes last.
fn decoded(version: Option<Version>, pieces: &[&[u8]]) -> (Vec<Inbound>, Option<BadFrame>) {
    let mut decoder = Decoder::new(LIMITS);
    version.into_iter().for_each(|version| decoder.agreed(version));
    let mut all = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.next() {
                Ok(Some(inbound)) => all.push(inbound),
                Ok(None) => break,
                Err(error) => return (all, Some(error)),
            }
        }
    }
    (all, None)
}

fn frames(version: Version, text: &str) -> Vec<Frame> {
    let (all, error) = decoded(Some(version), &[text.as_bytes()]);
    assert_eq!(error, None, "{text:?}");
    let frame = |inbound| match inbound {
        Inbound::Frame(frame) => Some(frame),
        Inbound::HeartBeat => None,
    };
    all.into_iter().filter_map(frame).collect()
}

#[test]
fn frames_are_read() {
    let sent =
        frames(Version::V12, "SEND\r\ndestination:/app/x\r\na\\cb:c\\nd\r\n\r\nhello\0\n\nDISCONNECT\nreceipt:1\n\n\0");
    let [send, disconnect] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((send.command, &*send.body), (Command::Send, &b"hello"[..]));
    assert_eq!((send.headers.get("destination"), send.headers.get("a:b")), (Some("/app/x"), Some("c\nd")));
    assert_eq!((disconnect.command, disconnect.headers.get("receipt")), (Command::Disconnect, Some("1")));
    // With its length a body has what it likes.
    let sent = frames(Version::V11, "SEND\ncontent-length:3\n\n\0\0\0\0");
    assert_eq!(sent[0].body, "\0\0\0");
    // The first of several counts, in the order of the specification.
    let sent = frames(Version::V12, "SEND\nfoo:World\nfoo:Hello\n\n\0");
    assert_eq!((sent[0].headers.get("foo"), sent[0].headers.iter().count()), (Some("World"), 2));
    // Spaces count, but in 1.0.
    let value = |version| frames(version, "SEND\na: b \n\n\0")[0].headers.get("a").map(str::to_owned);
    assert_eq!((value(Version::V10), value(Version::V12)), (Some("b".to_owned()), Some(" b ".to_owned())));
    // Nothing of a CONNECT is escaped.
    let sent = frames(Version::V12, "STOMP\npasscode:a\\b:c\n\n\0");
    assert_eq!((sent[0].command, sent[0].headers.get("passcode")), (Command::Connect, Some("a\\b:c")));
}

#[test]
fn beats_are_told_once_for_what_came_together() {
    let (all, error) = decoded(Some(Version::V12), &[b"\n\r\n\n", b"\n", b"ACK\nid:1\n\n\0\n"]);
    let is_beat = |inbound: &Inbound| *inbound == Inbound::HeartBeat;
    assert_eq!((all.iter().map(is_beat).collect::<Vec<_>>(), error), (vec![true, true, false, true], None));
}

#[test]
fn what_is_wrong_has_its_own_words() {
    let long = format!("SEND\na:{}", "x".repeat(300));
    let many = format!("SEND\n{}\n\0", "a:b\n".repeat(9));
    let body = format!("SEND\n\n{}", "x".repeat(65));
    for (text, expected) in [
        ("HELLO\n\n\0", BadFrame::UnknownCommand),
        ("send\n\n\0", BadFrame::UnknownCommand),
        ("MESSAGE\n\n\0", BadFrame::UnknownCommand),
        ("GET / HTTP/1.1", BadFrame::UnknownCommand),
        ("\rSEND\n\n\0", BadFrame::UnknownCommand),
        (&long, BadFrame::HeadTooLong),
        (&many, BadFrame::TooManyHeaders),
        (&body, BadFrame::BodyTooLong),
        ("SEND\ncontent-length:65\n\n", BadFrame::BodyTooLong),
        ("SEND\ncontent-length:99999999999999999999999\n\n", BadFrame::BodyTooLong),
        ("SEND\ncontent-length:-1\n\n\0", BadFrame::NoLength),
        ("SEND\ncontent-length:\n\n\0", BadFrame::NoLength),
        ("SEND\ncontent-length:2\n\nabc\0", BadFrame::WrongLength),
        ("SEND\ncontent-length:1\n\n\0\n", BadFrame::WrongLength),
        ("SEND\nno colon\n\n\0", BadFrame::NoHeader),
        ("SEND\n:value\n\n\0", BadFrame::NoHeader),
        ("CONNECT\nlogin:\0", BadFrame::NulInHead),
        ("SEND\n\0", BadFrame::NulInHead),
        ("SEND\na:\\t\n\n\0", BadFrame::Escape(BadEscape)),
        ("SUBSCRIBE\nid:0\n\nbody\0", BadFrame::BodyNotAllowed),
        ("SUBSCRIBE\ncontent-length:4\n\n", BadFrame::BodyNotAllowed),
    ] {
        assert_eq!(decoded(Some(Version::V12), &[text.as_bytes()]), (vec![], Some(expected)), "{text:?}");
    }
    let (_, error) = decoded(Some(Version::V12), &[b"SEND\na:\xff\n\n\0"]);
    assert_eq!(error, Some(BadFrame::NotUtf8));
}

#[test]
fn nothing_is_read_behind_an_error() {
    let mut decoder = Decoder::new(LIMITS);
    decoder.feed(b"HELLO\n\n\0SEND\n\n\0");
    assert_eq!(decoder.next(), Err(BadFrame::UnknownCommand));
    decoder.feed(b"SEND\n\n\0");
    assert_eq!((decoder.next(), decoder.n_held()), (Ok(None), 0));
}

fn versions() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V10), Just(Version::V11), Just(Version::V12)]
}

proptest! {
    /// However the bytes are cut, the same is read. (Which of several faults is found first may differ.)
    #[test]
    fn pieces_make_no_difference(
        bytes in prop::collection::vec(prop_oneof![
            Just(b"SEND\n".to_vec()), Just(b"a:b\\c\n".to_vec()), Just(b"content-length:3\n".to_vec()), Just(b"\n".to_vec()),
            Just(b"\r\n".to_vec()), Just(b"\0".to_vec()), Just(b"xyz".to_vec()), Just(b"ACK\nid:1\n\n\0".to_vec()),
            prop::collection::vec(any::<u8>(), 0..4),
        ], 0..24).prop_map(|parts| parts.concat()),
        cuts in prop::collection::vec(0_usize..200, 0..6),
        version in versions(),
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&bytes[from..cut]);
            from = cut;
        }
        pieces.push(&bytes[from..]);
        let without_beats = |(all, error): (Vec<Inbound>, Option<BadFrame>)| {
            (all.into_iter().filter(|inbound| *inbound != Inbound::HeartBeat).collect::<Vec<_>>(), error.is_some())
        };
        prop_assert_eq!(
            without_beats(decoded(Some(version), &pieces)),
            without_beats(decoded(Some(version), &[&bytes]))
        );
    }

    /// What nobody has finished is bounded, whatever came.
    #[test]
    fn little_is_held(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..32)) {
        let mut decoder = Decoder::new(LIMITS);
        for piece in pieces {
            decoder.feed(&piece);
            while let Ok(Some(_)) = decoder.next() {}
            prop_assert!(decoder.n_held() <= LIMITS.head_bytes.max(LIMITS.body_bytes + 1));
        }
    }

    /// Any name and value comes back as it was written, where its version can write it; and never as another header.
    #[test]
    fn headers_come_back(name in "[^\\x00-\\x1f:\\\\]{1,6}|[:\\\\\\n]{1,3}", value in "[^\\x00]{0,12}", version in versions()) {
        let rest = Writer::rest(version).header(&name, &value).body("text/plain", b"x");
        let bytes = [b"SEND\n".to_vec(), rest].concat();
        let (all, error) = decoded(Some(version), &[&bytes]);
        if version == Version::V12 {
            let [Inbound::Frame(frame)] = &all[..] else { panic!("{all:?} {error:?}") };
            prop_assert_eq!(frame.headers.get(&name), Some(&*value));
        }
        if let [Inbound::Frame(frame)] = &all[..] {
            prop_assert_eq!(frame.headers.iter().count(), 3);
        }
    }
}
