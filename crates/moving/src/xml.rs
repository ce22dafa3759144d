//! XML piece by piece: elements with their texts. No definitions of a document are read, so none can grow.

use std::{collections::VecDeque, io::BufRead};

use quick_xml::{Reader, events::Event};

use crate::{
    FIELD_BYTES_MAX, ReadError,
    bounded::{Bounded, Place},
};

/// A piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// An element begins; with its attribute `dsq:id`, where it has one.
    Open(String, Option<String>),
    /// An element ends; with the text behind the last piece.
    Close(String, String),
}

pub(crate) struct Xml<R: BufRead> {
    reader: Reader<Bounded<R>>,
    place: Place,
    buffer: Vec<u8>,
    text: String,
    open: Vec<String>,
    ready: VecDeque<Piece>,
    has_begun: bool,
}

impl<R: BufRead> Xml<R> {
    pub fn new(from: R) -> Self {
        let bounded = Bounded::new(from);
        let place = bounded.place();
        let mut reader = Reader::from_reader(bounded);
        reader.config_mut().expand_empty_elements = true;
        // WXR of old releases has ampersands and signs that stand for nothing.
        reader.config_mut().allow_dangling_amp = true;
        let (buffer, text, open, ready) = (Vec::new(), String::new(), Vec::new(), VecDeque::new());
        Self { reader, place, buffer, text, open, ready, has_begun: false }
    }

    /// Something is wrong where the reader is.
    pub fn error(&self, what: impl Into<String>) -> ReadError {
        ReadError::new(self.place.line(), what)
    }

    /// The next piece; nothing behind the end of the outermost element.
    pub fn next(&mut self) -> Result<Option<Piece>, ReadError> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(Some(piece));
            }
            if self.has_begun && self.open.is_empty() {
                return Ok(None);
            }
            self.read()?;
        }
    }

    fn read(&mut self) -> Result<(), ReadError> {
        self.place.begin();
        self.buffer.clear();
        let place = self.place.clone();
        let event = match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(quick_xml::Error::Io(error)) => return Err(place.error(&error)),
            Err(quick_xml::Error::Encoding(_)) => return Err(ReadError::encoding(place.line())),
            Err(quick_xml::Error::Syntax(error)) => return Err(wrong_syntax(&place, &error.to_string())),
            Err(error) => return Err(ReadError::new(place.line(), format!("this is no XML: {error}"))),
        };
        match event {
            Event::Start(tag) => {
                let name = tag.name().as_ref().to_owned();
                let mut id = None;
                for attribute in tag.attributes().with_checks(false) {
                    let wrong = |e| ReadError::new(place.line(), format!("this is no XML: {e}"));
                    let attribute = attribute.map_err(wrong)?;
                    if attribute.key.as_ref() == "dsq:id" {
                        id = Some(attribute.value.into_owned());
                    }
                }
                self.has_begun = true;
                self.text.clear();
                self.open.push(name.clone());
                self.ready.push_back(Piece::Open(name, id));
            }
            Event::End(_) => {
                let text = std::mem::take(&mut self.text);
                if let Some(name) = self.open.pop() {
                    self.ready.push_back(Piece::Close(name, text));
                }
            }
            Event::Text(text) => self.text.push_str(&text),
            Event::CData(text) => self.text.push_str(&text),
            Event::GeneralRef(name) => {
                let name = name.as_ref().to_owned();
                let what =
                    format!("&{name}; stands for nothing here: documents with entities of their own are not read");
                self.text.push_str(&meant(&name).ok_or_else(|| ReadError::new(place.line(), what))?);
            }
            Event::Eof if self.has_begun => return Err(ReadError::cut(place.line())),
            Event::Eof => return Err(ReadError::new(place.line(), "the file has nothing in it that is XML")),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
        if self.text.len() > FIELD_BYTES_MAX {
            let what = format!("one piece of the file is longer than {} MiB", FIELD_BYTES_MAX / 1024 / 1024);
            return Err(ReadError::new(place.line(), what));
        }
        Ok(())
    }
}

/// A piece that does not end by the end of the file was cut.
fn wrong_syntax(place: &Place, error: &str) -> ReadError {
    match error.contains("not closed") || error.contains("unclosed") {
        true => ReadError::cut(place.line()),
        false => ReadError::new(place.line(), format!("this is no XML: {error}")),
    }
}

/// What a reference stands for: XML has five names, and numbers.
fn meant(name: &str) -> Option<String> {
    let known = match name {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "apos" => "'",
        "quot" => "\"",
        _ => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            // Signs that XML does not allow come from forms; nothing of them is shown.
            return Some(char::from_u32(number).filter(|c| *c != '\0').map(String::from).unwrap_or_default());
        }
    };
    Some(known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(xml: &[u8]) -> Result<Vec<Piece>, ReadError> {
        let mut reader = Xml::new(xml);
        let mut pieces = Vec::new();
        while let Some(piece) = reader.next()? {
            pieces.push(piece);
        }
        Ok(pieces)
    }

    #[test]
    fn elements_come_with_their_texts() {
        let xml = "<?xml version=\"1.0\"?>\n<a><b dsq:id=\"7\"/><c>x &amp; <![CDATA[<y> &]]>&#44032;</c></a>";
        let open = |name: &str, id: Option<&str>| Piece::Open(name.into(), id.map(str::to_owned));
        let close = |name: &str, text: &str| Piece::Close(name.into(), text.into());
        let expected = [
            open("a", None),
            open("b", Some("7")),
            close("b", ""),
            open("c", None),
            close("c", "x & <y> &가"),
            close("a", ""),
        ];
        assert_eq!(all(xml.as_bytes()), Ok(expected.to_vec()));
    }

    #[test]
    fn what_is_broken_is_named_with_its_line() {
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbbbbbb\"><!ENTITY c \"&b;&b;&b;\">]>\n<a>\n&c;</a>";
        let error = all(bomb.as_bytes()).expect_err("refused");
        assert_eq!((error.line, error.what.contains("&c;")), (3, true), "{error}");
        for cut in ["<a>\n<b>text", "<a>\n<b", "<a>\n<b><![CDATA[x", "<a>\n"] {
            assert_eq!(all(cut.as_bytes()), Err(ReadError::cut(2)), "{cut:?}");
        }
        let error = all(b"<a>\n\n<b></c></a>").expect_err("refused");
        assert_eq!(error.line, 3, "{error}");
        assert_eq!(all(b"<a>\n\xb0\xa1</a>"), Err(ReadError::encoding(2)));
        assert_eq!(all(b"PK\x03\x04 zipped").expect_err("refused").line, 1);
        let long = [b"<a>".as_slice(), &vec![b'x'; FIELD_BYTES_MAX * 2], b"</a>"].concat();
        let error = all(&long).expect_err("refused");
        assert!(error.what.contains("longer than 8 MiB"), "{error}");
    }
}
