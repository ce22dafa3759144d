//! Any text as a nickname, a content, an avatar, an emoji. What is accepted keeps the rules and is accepted unchanged again.
#![no_main]

use chat_domain::{
    AvatarName, CONTENT_CODE_POINTS_MAX, Content, Emoji, NICKNAME_GRAPHEMES_MAX, NICKNAME_GRAPHEMES_MIN, Nickname,
};
use libfuzzer_sys::fuzz_target;
use unicode_segmentation::UnicodeSegmentation;

fuzz_target!(|text: &str| {
    if let Ok(name) = Nickname::parse(text) {
        let n = name.as_str().graphemes(true).count();
        assert!((NICKNAME_GRAPHEMES_MIN..=NICKNAME_GRAPHEMES_MAX).contains(&n), "{name:?}");
        assert!(name.as_str().chars().count() <= 50, "{name:?}");
        assert!(!name.as_str().chars().any(char::is_control), "{name:?}");
        assert_eq!(Nickname::parse(name.as_str()).as_ref(), Ok(&name));
        assert_eq!(Nickname::parse(&format!(" \t{}\n", name.as_str())), Ok(name));
    }
    if let Ok(content) = Content::parse(text) {
        let n = content.as_str().chars().count();
        assert!((1..=CONTENT_CODE_POINTS_MAX).contains(&n), "{n}");
        assert!(content.as_str().chars().all(|c| !c.is_control() || c == '\n' || c == '\t'), "{content:?}");
        assert_eq!(Content::parse(content.as_str()).as_ref(), Ok(&content));
        assert_eq!(Content::parse(&content.as_str().replace('\n', "\r\n")), Ok(content));
    }
    if let Ok(emoji) = Emoji::parse(text) {
        assert!(text.len() <= 64 && text.graphemes(true).count() == 1, "{text:?}");
        assert!(!text.chars().any(|c| c.is_alphabetic() || c.is_control() || c.is_whitespace()), "{text:?}");
        assert_eq!(emoji.as_str(), text);
    }
    if let Ok(avatar) = AvatarName::parse(text) {
        assert_eq!(avatar.as_str(), text);
    }
});
