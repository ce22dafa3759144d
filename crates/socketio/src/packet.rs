//! Socket.IO: what a message of Engine.IO is.

use serde_json::Value;

/// The longest name of another namespace, in bytes: who asks for one is told that by its name.
const NAMESPACE_BYTES_MAX: usize = 256;

/// A packet of a client, for the namespace `/` but where it says so.
#[derive(Debug, Clone, PartialEq)]
pub enum Packet {
    /// The client wants in, with what it brings (`auth`); `Null` where it brings nothing.
    Connect(Value),
    /// The client wants into this other namespace.
    Elsewhere(String),
    /// The client goes.
    Disconnect,
    /// Something of a name, with what belongs to it.
    Event {
        /// Its name.
        name: String,
        /// What belongs to it; `Null` where nothing does. What stands behind is of no use to anybody here.
        payload: Value,
        /// The answer's number, where one is wanted.
        ack: Option<u64>,
    },
    /// An answer to an event of ours.
    Ack,
}

/// What came is no packet, or none that is spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPacket {
    /// No packet of Socket.IO.
    NotPacket,
    /// For another namespace than `/`.
    OtherNamespace,
    /// A packet with attachments.
    Binary,
}

impl BadPacket {
    /// For whoever wrote the client.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NotPacket => "this is no packet of Socket.IO 5",
            Self::OtherNamespace => "there is no namespace but /",
            Self::Binary => "nothing here is binary",
        }
    }
}

/// Reads one packet: its type, a namespace other than `/` with a comma, the number of its answer, and JSON.
///
/// # Errors
/// See [`BadPacket`].
pub fn read(text: &str) -> Result<Packet, BadPacket> {
    let mut characters = text.chars();
    let kind = characters.next().ok_or(BadPacket::NotPacket)?;
    if matches!(kind, '5' | '6') {
        return Err(BadPacket::Binary);
    }
    let mut rest = characters.as_str();
    if rest.starts_with('/') {
        let (namespace, behind) = rest.split_once(',').unwrap_or((rest, ""));
        match (namespace, kind) {
            ("/", _) => {}
            (_, '0') if namespace.len() <= NAMESPACE_BYTES_MAX => return Ok(Packet::Elsewhere(namespace.to_owned())),
            _ => return Err(BadPacket::OtherNamespace),
        }
        rest = behind;
    }
    let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, json) = rest.split_at_checked(n_digits).ok_or(BadPacket::NotPacket)?;
    let ack = match digits {
        "" => None,
        digits => Some(digits.parse().map_err(|_| BadPacket::NotPacket)?),
    };
    let value = || serde_json::from_str::<Value>(json).map_err(|_| BadPacket::NotPacket);
    match kind {
        '0' if ack.is_none() && json.is_empty() => Ok(Packet::Connect(Value::Null)),
        '0' if ack.is_none() => match value()? {
            auth @ Value::Object(_) => Ok(Packet::Connect(auth)),
            _ => Err(BadPacket::NotPacket),
        },
        '1' if ack.is_none() && json.is_empty() => Ok(Packet::Disconnect),
        '2' => {
            let Value::Array(parts) = value()? else { return Err(BadPacket::NotPacket) };
            let mut parts = parts.into_iter();
            let Some(Value::String(name)) = parts.next() else { return Err(BadPacket::NotPacket) };
            Ok(Packet::Event { name, payload: parts.next().unwrap_or(Value::Null), ack })
        }
        '3' if ack.is_some() => Ok(Packet::Ack),
        _ => Err(BadPacket::NotPacket),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn packets_of_socket_io() {
        let event = |name: &str, payload, ack| Ok(Packet::Event { name: name.to_owned(), payload, ack });
        for (text, expected) in [
            ("0", Ok(Packet::Connect(Value::Null))),
            ("0{\"token\":\"1\"}", Ok(Packet::Connect(json!({"token": "1"})))),
            ("0/,{}", Ok(Packet::Connect(json!({})))),
            ("0[1]", Err(BadPacket::NotPacket)),
            ("1", Ok(Packet::Disconnect)),
            ("2[\"join\",{\"roomId\":\"1\"}]", event("join", json!({"roomId": "1"}), None)),
            ("212[\"message\",1,2]", event("message", json!(1), Some(12))),
            ("2[\"bare\"]", event("bare", Value::Null, None)),
            ("31[]", Ok(Packet::Ack)),
            ("3[]", Err(BadPacket::NotPacket)),
            ("2[]", Err(BadPacket::NotPacket)),
            ("2[1]", Err(BadPacket::NotPacket)),
            ("2{}", Err(BadPacket::NotPacket)),
            ("299999999999999999999[\"a\"]", Err(BadPacket::NotPacket)),
            ("2/admin,[\"a\"]", Err(BadPacket::OtherNamespace)),
            ("0/admin", Ok(Packet::Elsewhere("/admin".to_owned()))),
            ("0/admin,{}", Ok(Packet::Elsewhere("/admin".to_owned()))),
            ("51-[\"a\",{\"_placeholder\":true,\"num\":0}]", Err(BadPacket::Binary)),
            ("4{}", Err(BadPacket::NotPacket)),
            ("", Err(BadPacket::NotPacket)),
            ("한", Err(BadPacket::NotPacket)),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    /// However deep it is, and however long its numbers: refused, and nothing is kept.
    #[test]
    fn what_has_no_end_is_no_packet() {
        let (deep, digits) = ("[".repeat(100_000), "9".repeat(100_000));
        for text in [format!("2{deep}"), format!("0{}", "{\"a\":".repeat(1_000)), format!("2{digits}[\"a\"]")] {
            assert_eq!(read(&text), Err(BadPacket::NotPacket), "{text:.20}");
        }
        assert_eq!(read(&format!("0/{digits}")), Err(BadPacket::OtherNamespace));
    }

    proptest! {
        /// Whatever comes is read or refused.
        #[test]
        fn nothing_panics(text in "[0-6]?(/[a-z]{0,2},?)?[0-9]{0,3}[\\[{\"]?\\PC{0,12}") {
            let _ = read(&text);
        }

        /// An event that is written is read as the same, with its number.
        #[test]
        fn events_come_back(name in "\\PC{1,12}", text in "\\PC{0,12}", ack in prop::option::of(any::<u64>())) {
            let number = ack.map_or_else(String::new, |ack| ack.to_string());
            let packet = format!("2{number}{}", json!([name, {"text": text}]));
            prop_assert_eq!(read(&packet), Ok(Packet::Event { name, payload: json!({"text": text}), ack }));
        }
    }
}
