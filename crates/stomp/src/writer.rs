use crate::{Version, escape::Escaping};

/// Writes one frame to a client.
///
/// A frame that goes to many is written in two parts: what differs ([`Writer::head`]), and what is the same for all
/// ([`Writer::rest`]).
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    escaping: Escaping,
}

impl Writer {
    /// The frame that answers a CONNECT: nothing in it is escaped.
    pub fn connected(version: Version) -> Self {
        let mut writer = Self { bytes: b"CONNECTED\n".to_vec(), escaping: Escaping::Nothing };
        writer.put("version", version.as_str());
        writer
    }

    /// A RECEIPT for the frame that asked for one.
    pub fn receipt(version: Version, id: &str) -> Self {
        let mut writer = Self::begin("RECEIPT", version);
        writer.put("receipt-id", id);
        writer
    }

    /// An ERROR, behind which the connection ends. `version` is that of the session, or the oldest where none was agreed
    /// upon: its reader may know no escapes.
    pub fn error(version: Version, message: &str) -> Self {
        let mut writer = Self::begin("ERROR", version);
        writer.put("message", message);
        writer
    }

    /// A MESSAGE's first part: its command, and the headers that only this reader gets.
    pub fn head(version: Version) -> Self {
        Self::begin("MESSAGE", version)
    }

    /// A MESSAGE's second part: the headers that all readers get, and its body.
    pub fn rest(version: Version) -> Self {
        Self { bytes: Vec::new(), escaping: version.escaping() }
    }

    fn begin(command: &str, version: Version) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(command.as_bytes());
        bytes.push(b'\n');
        Self { bytes, escaping: version.escaping() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.put(name, value);
        self
    }

    fn put(&mut self, name: &str, value: &str) {
        self.escaping.put(name, &mut self.bytes);
        self.bytes.push(b':');
        self.escaping.put(value, &mut self.bytes);
        self.bytes.push(b'\n');
    }

    /// A frame without a body, or a first part, up to here.
    pub fn into_head(self) -> Vec<u8> {
        self.bytes
    }

    /// The whole frame, without a body.
    pub fn end(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(b"\n\0");
        self.bytes
    }

    /// The whole frame, with a body of this type. It has its length, so it may hold anything.
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Vec<u8> {
        self.put("content-type", content_type);
        self.put("content-length", &body.len().to_string());
        self.bytes.push(b'\n');
        self.bytes.extend_from_slice(body);
        self.bytes.push(b'\0');
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_written_as_the_specification_has_them() {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        let connected = Writer::connected(Version::V12).header("heart-beat", "0,0").end();
        assert_eq!(text(connected), "CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\0");
        assert_eq!(text(Writer::receipt(Version::V12, "a:b\r\n").end()), "RECEIPT\nreceipt-id:a\\cb\\r\\n\n\n\0");
        assert_eq!(text(Writer::receipt(Version::V11, "a:b\r\n").end()), "RECEIPT\nreceipt-id:a\\cb\\n\n\n\0");
        let error = Writer::error(Version::V10, "no: \n\0nothing").body("text/plain", "없다".as_bytes());
        assert_eq!(
            text(error),
            "ERROR\nmessage:no: nothing\ncontent-type:text/plain\ncontent-length:6\n\n없다\0",
            "nothing in a value begins a header"
        );
        let head = Writer::head(Version::V12).header("subscription", "0").into_head();
        let rest = Writer::rest(Version::V12).header("message-id", "7").body("application/json", b"{}");
        assert_eq!(
            text([head, rest].concat()),
            "MESSAGE\nsubscription:0\nmessage-id:7\ncontent-type:application/json\ncontent-length:2\n\n{}\0"
        );
    }
}
