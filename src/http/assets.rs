//! Static files, served from the binary.

use std::{
    borrow::Cow,
    collections::HashMap,
    io::Write,
    sync::{LazyLock, Mutex, PoisonError},
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, AcceptEncoding, Encoding, Header, Preference},
    web::Path,
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};

use super::error::HttpError;
use chat_wire::ErrorCode;

/// Everything below `static/`, inside the binary. (A debug build reads the folder, so that a change shows
/// after a reload.)
#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

const FOREVER: &str = "public, max-age=31536000, immutable";
const AN_HOUR: &str = "public, max-age=3600, stale-while-revalidate=86400";

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

/// `GET /static/{hash}/{path}`. An old hash is answered with the file of now, not to be kept: a page that was
/// open during an update still finds its parts.
pub async fn hashed(request: HttpRequest, path: Path<(String, String)>) -> HttpResponse {
    let (hash, path) = path.into_inner();
    let is_current = BASE.strip_prefix("/static/") == Some(&hash);
    if !is_page_file(&path) {
        return missing(&request);
    }
    serve(&request, &path, if is_current { FOREVER } else { "no-cache" })
}

/// `GET /avatars/{name}.svg`.
pub async fn avatar(request: HttpRequest, file: Path<String>) -> HttpResponse {
    if !file.ends_with(".svg") {
        return missing(&request);
    }
    serve(&request, &format!("avatars/{file}"), "public, max-age=86400, stale-while-revalidate=604800")
}

/// `GET /embed.js`.
pub async fn embed_js(request: HttpRequest) -> HttpResponse {
    serve(&request, "embed.js", AN_HOUR)
}

/// `GET /favicon.ico`, which browsers ask for by themselves.
pub async fn favicon(request: HttpRequest) -> HttpResponse {
    serve(&request, "icon.svg", AN_HOUR)
}

fn missing(request: &HttpRequest) -> HttpResponse {
    HttpError::new(ErrorCode::NotFound, "there is no such file").answer(request)
}

fn serve(request: &HttpRequest, path: &str, cache: &str) -> HttpResponse {
    let Some(file) = Files::get(path) else { return missing(request) };
    let tag =
        format!("\"{}\"", file.metadata.sha256_hash().iter().take(12).map(|b| format!("{b:02x}")).collect::<String>());
    let asked = request.headers().get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CACHE_CONTROL, cache.to_owned()))
        // Weak: the encodings of a file are not the same bytes.
        .insert_header((header::ETAG, format!("W/{tag}")))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((header::VARY, "accept-encoding"));
    if asked.is_some_and(|asked| asked.split(',').any(|t| t.trim().trim_start_matches("W/") == tag || t.trim() == "*"))
    {
        return response.status(actix_web::http::StatusCode::NOT_MODIFIED).finish();
    }
    response.content_type(file.metadata.mimetype());
    let data = served(path, &file);
    match encoding(request) {
        Some(encoding) => {
            response.insert_header((header::CONTENT_ENCODING, encoding.name())).body(compressed(&tag, encoding, &data))
        }
        None => response.body(data.into_owned()),
    }
}

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

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Encoded {
    Brotli,
    Gzip,
}

impl Encoded {
    /// As Content-Encoding names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// What a client takes; none where it takes none of ours.
pub(super) fn encoding(request: &HttpRequest) -> Option<Encoded> {
    let accepted = AcceptEncoding::parse(request).ok()?;
    let ranked = accepted.ranked();
    let takes = |encoding: Encoding| ranked.iter().any(|p| matches!(p, Preference::Specific(e) if *e == encoding));
    if takes(Encoding::brotli()) { Some(Encoded::Brotli) } else { takes(Encoding::gzip()).then_some(Encoded::Gzip) }
}

/// Each file is compressed once, as well as can be, when it is first asked for. Bounded by the files there are.
fn compressed(tag: &str, encoding: Encoded, data: &[u8]) -> Bytes {
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

/// The data compressed; `brotli_quality` is 0 to 11.
pub(super) fn compress(encoding: Encoded, brotli_quality: u32, data: &[u8]) -> Bytes {
    // Writing to memory has no error case.
    let mut bytes = Vec::new();
    let written = match encoding {
        Encoded::Brotli => brotli::CompressorWriter::new(&mut bytes, 4_096, brotli_quality, 20).write_all(data),
        Encoded::Gzip => {
            let level = if brotli_quality < 11 { Compression::fast() } else { Compression::best() };
            let mut gzip = GzEncoder::new(&mut bytes, level);
            gzip.write_all(data).and_then(|()| gzip.try_finish())
        }
    };
    if let Err(error) = written {
        log::error!("a body could not be compressed: {error}");
    }
    bytes.into()
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

fn is_page_file(name: &str) -> bool {
    ["css/", "js/"].iter().any(|folder| name.starts_with(folder)) || name == "icon.svg"
}

fn tag(file: &EmbeddedFile) -> String {
    format!("\"{}\"", file.metadata.sha256_hash().iter().take(12).map(|b| format!("{b:02x}")).collect::<String>())
}

fn served(name: &str, file: &EmbeddedFile) -> Cow<'static, [u8]> {
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
