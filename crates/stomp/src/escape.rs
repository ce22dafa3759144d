use std::borrow::Cow;

/// A header has a backslash that begins no escape of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a header has an escape that there is not: only \\\\, \\c, \\n and, in 1.2, \\r")]
pub struct BadEscape;

/// What stands escaped in headers. CONNECT and CONNECTED escape nothing in any version, so that versions can be agreed
/// upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escaping {
    Nothing,
    WithoutCarriageReturn,
    Everything,
}

impl Escaping {
    /// The name or value of a header as it was meant.
    ///
    /// # Errors
    /// See [`BadEscape`].
    pub(crate) fn undo(self, text: &str) -> Result<Cow<'_, str>, BadEscape> {
        if self == Self::Nothing || !text.contains('\\') {
            return Ok(Cow::Borrowed(text));
        }
        let mut meant = String::with_capacity(text.len());
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character != '\\' {
                meant.push(character);
                continue;
            }
            meant.push(match characters.next() {
                Some('\\') => '\\',
                Some('c') => ':',
                Some('n') => '\n',
                Some('r') if self == Self::Everything => '\r',
                _ => return Err(BadEscape),
            });
        }
        Ok(Cow::Owned(meant))
    }

    /// Writes a name or a value. What cannot be written in this version is left out: nothing that a value has may
    /// begin a header of its own.
    pub(crate) fn put(self, text: &str, bytes: &mut Vec<u8>) {
        for byte in text.bytes() {
            match (byte, self) {
                (b'\0', _) | (b'\n' | b'\r', Self::Nothing) => {}
                (b'\r', Self::WithoutCarriageReturn) => {}
                (_, Self::Nothing) => bytes.push(byte),
                (b'\\', _) => bytes.extend_from_slice(b"\\\\"),
                (b':', _) => bytes.extend_from_slice(b"\\c"),
                (b'\n', _) => bytes.extend_from_slice(b"\\n"),
                (b'\r', _) => bytes.extend_from_slice(b"\\r"),
                _ => bytes.push(byte),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_escape_is_refused() {
        for (text, v11, v12) in [
            ("plain 한글", Ok("plain 한글"), Ok("plain 한글")),
            ("a\\cb\\n\\\\", Ok("a:b\n\\"), Ok("a:b\n\\")),
            ("\\r", Err(BadEscape), Ok("\r")),
            ("\\t", Err(BadEscape), Err(BadEscape)),
            ("\\", Err(BadEscape), Err(BadEscape)),
            ("\\\\\\", Err(BadEscape), Err(BadEscape)),
        ] {
            let undo = |escaping: Escaping| escaping.undo(text).map(Cow::into_owned);
            assert_eq!(undo(Escaping::WithoutCarriageReturn), v11.map(str::to_owned), "{text:?} in 1.1");
            assert_eq!(undo(Escaping::Everything), v12.map(str::to_owned), "{text:?} in 1.2");
            assert_eq!(undo(Escaping::Nothing), Ok(text.to_owned()), "{text:?} in 1.0");
        }
    }
}
