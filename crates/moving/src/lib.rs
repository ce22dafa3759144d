//! What other systems write when all is taken out of them, and what this one writes, read as one stream.
//!
//! A file is read piece by piece: what it holds at once is bounded, whatever the file is. What is read passes the rules
//! of the domain; what does not fit is fitted or left out, and whoever reads is told of it.
//!
//! Invariant: no database, no clock, no files: readers in, values out.

mod artalk;
mod bounded;
mod comment;
mod convert;
mod disqus;
mod error;
mod html;
mod line;
mod remark42;
mod room_of;
mod split;
mod wordpress;
mod xml;

use std::io::BufRead;

pub use bounded::FIELD_BYTES_MAX;
pub use comment::{Body, Comment, Found, LeftOut, Note, Page};
pub use convert::{Converted, Converter};
pub use error::ReadError;
pub use html::{Newlines, html_to_text};
pub use line::{BanLine, Defaults, EXPORT_VERSION, End, Header, HeldLine, Line, MessageLine, RoomLine, encode};
pub use room_of::{NoRoom, RoomFrom, RoomRule};
pub use split::{nickname_of, split};
pub use url::Url;

/// What a file is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// This program's own export, or lines that somebody made for it.
    JsonLines,
    /// The XML of Disqus.
    Disqus,
    /// The backup of remark42.
    Remark42,
    /// WordPress' WXR.
    WordPress,
    /// Artalk's Artrans.
    Artalk,
}

impl Format {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::JsonLines, Self::Disqus, Self::Remark42, Self::WordPress, Self::Artalk];

    /// Its name on the command line; a part of what keys and author ids are derived from, so it never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Disqus => "disqus",
            Self::Remark42 => "remark42",
            Self::WordPress => "wordpress",
            Self::Artalk => "artalk",
        }
    }

    /// The format of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// Reads a file, and gives what it finds to `take`, which may end it.
    ///
    /// # Errors
    /// [`ReadError`] where the file is not of this format, is cut, or cannot be read; or what `take` says.
    pub fn read<R: BufRead>(
        self,
        from: R,
        take: &mut dyn FnMut(Found) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        match self {
            Self::JsonLines => line::read(from, take),
            Self::Disqus => disqus::read(from, take),
            Self::Remark42 => remark42::read(from, take),
            Self::WordPress => wordpress::read(from, take),
            Self::Artalk => artalk::read(from, take),
        }
    }
}

/// All that a reader tells, for tests.
#[cfg(test)]
fn gathered(
    read: impl FnOnce(&mut dyn FnMut(Found) -> Result<(), ReadError>) -> Result<(), ReadError>,
) -> Result<Vec<Found>, ReadError> {
    let mut found = Vec::new();
    read(&mut |each| {
        found.push(each);
        Ok(())
    })?;
    Ok(found)
}
