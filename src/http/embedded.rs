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

/// Compresses every file that the pages load. Takes a second or so; for a thread of its own.
pub fn compress_files() {
    let is_loaded =
        |name: &str| ["dist/", "avatars/"].iter().any(|folder| name.starts_with(folder)) || name == "icon.svg";
    for file in Files::iter().filter(|name| is_loaded(name)).filter_map(|name| Files::get(&name)) {
        compressed(&tag(&file), Encoded::Brotli, &file.data);
        compressed(&tag(&file), Encoded::Gzip, &file.data);
    }
}

/// What pages load is in `dist` (written by `scripts/bundle`); its sources are there for who wants to read them.
pub fn is_page_file(name: &str) -> bool {
    ["dist/", "css/", "js/"].iter().any(|folder| name.starts_with(folder)) || name == "icon.svg"
}

pub fn tag(file: &EmbeddedFile) -> String {
    format!("\"{}\"", file.metadata.sha256_hash().iter().take(12).map(|b| format!("{b:02x}")).collect::<String>())
}
