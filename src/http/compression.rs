//! How bodies are compressed, and what a client takes.

use std::io::Write;

use actix_web::{
    HttpRequest,
    http::header::{AcceptEncoding, Encoding, Header, Preference},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoded {
    Brotli,
    Gzip,
}

impl Encoded {
    /// As Content-Encoding names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// What a client takes; none where it takes none of ours.
pub fn encoding(request: &HttpRequest) -> Option<Encoded> {
    let accepted = AcceptEncoding::parse(request).ok()?;
    let ranked = accepted.ranked();
    let takes = |encoding: Encoding| ranked.iter().any(|p| matches!(p, Preference::Specific(e) if *e == encoding));
    if takes(Encoding::brotli()) { Some(Encoded::Brotli) } else { takes(Encoding::gzip()).then_some(Encoded::Gzip) }
}

/// The data compressed; `brotli_quality` is 0 to 11.
pub fn compress(encoding: Encoded, brotli_quality: u32, data: &[u8]) -> Bytes {
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
