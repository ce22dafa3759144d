//! Static files, kept in the binary.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use bytes::Bytes;
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};

use super::compression::{Encoded, compress};

/// Everything below `static/`, inside the binary. (A debug build reads the folder, so that a change shows
/// after a reload.)
#[derive(RustEmbed)]
#[folder = "static/"]
pub struct Files;

/// The path that static files stand under: it holds a hash of them all, so that each may be cached for ever
/// and imports between modules stay relative.
pub static BASE: LazyLock<String> = LazyLock::new(|| {
    let mut names: Vec<Cow<'static, str>> = Files::iter().collect();
    names.sort();
    let mut hash = Sha256::new();
    for name in names {
        hash.update(name.as_bytes());
        if let Some(file) = Files::get(&name) {
            hash.update(file.metadata.sha256_hash());
        }
    }
    let short: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("/static/{short}")
});

/// A script without the lines that are comment and nothing else: a third of its weight, which no reader needs.
/// The lines stay, empty, so that an error's line number is that of the source. Ours to rely on: no text of our
/// scripts has a line that begins like a comment.
fn without_comments(script: &[u8]) -> Cow<'static, [u8]> {
    let mut kept = Vec::with_capacity(script.len());
    let mut in_comment = false;
    for line in script.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii();
        let begins = text.starts_with(b"/*");
        let is_comment = in_comment || begins && !has_code_behind(text) || text.starts_with(b"//");
        in_comment = (in_comment || begins) && !text.windows(2).any(|two| two == b"*/");
        if is_comment {
            kept.extend_from_slice(b"\n");
        } else {
            kept.extend_from_slice(line);
        }
    }
    kept.into()
}

/// A line such as `/** @type {X} */ (y)` is code.
fn has_code_behind(text: &[u8]) -> bool {
    let end = text.windows(2).position(|two| two == b"*/");
    end.is_some_and(|end| text.get(end + 2..).is_some_and(|rest| !rest.is_empty()))
}

/// Each file is compressed once, as well as can be, when it is first asked for. Bounded by the files there are.
pub fn compressed(tag: &str, encoding: Encoded, data: &[u8]) -> Bytes {
    static DONE: LazyLock<Mutex<HashMap<(String, Encoded), Bytes>>> = LazyLock::new(Mutex::default);
    let key = (tag.to_owned(), encoding);
    let done = DONE.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    if let Some(bytes) = done {
        return bytes;
    }
    let bytes = compress(encoding, 11, data);
    DONE.lock().unwrap_or_else(PoisonError::into_inner).insert(key, bytes.clone());
    bytes
}

/// Compresses every file that the page is made of. Takes a second or so; for a thread of its own.
pub fn compress_files() {
    let is_public = |name: &str| is_page_file(name) || name == "embed.js" || name.starts_with("avatars/");
    for name in Files::iter().filter(|name| is_public(name)) {
        if let Some(file) = Files::get(&name) {
            let data = served(&name, &file);
            compressed(&tag(&file), Encoded::Brotli, &data);
            compressed(&tag(&file), Encoded::Gzip, &data);
        }
    }
}

pub fn is_page_file(name: &str) -> bool {
    ["css/", "js/"].iter().any(|folder| name.starts_with(folder)) || name == "icon.svg"
}

pub fn tag(file: &EmbeddedFile) -> String {
    format!("\"{}\"", file.metadata.sha256_hash().iter().take(12).map(|b| format!("{b:02x}")).collect::<String>())
}

pub fn served(name: &str, file: &EmbeddedFile) -> Cow<'static, [u8]> {
    if name.ends_with(".js") { without_comments(&file.data) } else { file.data.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_line_numbers_stay() {
        let script = "// a\n/** b\n * c\n */\nlet x = 1; // d\n  /* e */\n/** @type {X} */ (y)\nend";
        let expected = "\n\n\n\nlet x = 1; // d\n\n/** @type {X} */ (y)\nend";
        assert_eq!(String::from_utf8_lossy(&without_comments(script.as_bytes())), expected);
    }

    #[test]
    fn every_script_is_smaller_and_as_long() {
        for name in Files::iter().filter(|n| n.ends_with(".js")) {
            let file = Files::get(&name).expect("it was listed");
            let served = without_comments(&file.data);
            let lines = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'\n').count();
            assert!(served.len() <= file.data.len() && lines(&served) == lines(&file.data), "{name}");
        }
    }
}
