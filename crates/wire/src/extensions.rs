//! What is agreed on at the upgrade: permessage-deflate (RFC 7692), the one extension that there is.

/// The answer to an offer that is accepted: neither side keeps anything from one message to the next.
const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
/// The same, where the offer asks for a window of so many bits, which the server has anyway.
const ANSWER_WITH_BITS: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15";
/// Bits of the window that messages are compressed with; the compressor knows no other one.
const WINDOW_BITS: u8 = 15;

/// What a client is answered in `Sec-WebSocket-Extensions` that sent headers of this name with these values; nothing
/// where the connection does without compression.
///
/// Offers are looked at in the client's order, and the first that can be met is accepted (RFC 7692, section 5.1). One
/// that is not understood whole, or cannot be met, is declined as if it were not there.
pub fn accept_deflate<'v>(values: impl IntoIterator<Item = &'v str>) -> Option<&'static str> {
    values.into_iter().flat_map(|value| split(value, b',')).find_map(answer)
}

/// The answer to one offer, where it is accepted.
fn answer(offer: &str) -> Option<&'static str> {
    let mut parts = split(offer, b';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("permessage-deflate") {
        return None;
    }
    let (mut seen, mut has_bits) = (Vec::new(), false);
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(unquoted(value.trim_start())?)),
            None => (part, None),
        };
        let name = name.to_ascii_lowercase();
        match (name.as_str(), value) {
            ("server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits", None) => {}
            // How much the client may look back at most is its own business: whatever it is, it is understood.
            ("client_max_window_bits", Some(bits)) => drop(window_bits(bits)?),
            ("server_max_window_bits", Some(bits)) if window_bits(bits)? == WINDOW_BITS => has_bits = true,
            _ => return None,
        }
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
    }
    Some(if has_bits { ANSWER_WITH_BITS } else { ANSWER })
}

/// From 8 to 15, in decimal without a zero in front (RFC 7692, section 7.1.2).
fn window_bits(value: &str) -> Option<u8> {
    let is_plain = value.bytes().all(|byte| byte.is_ascii_digit()) && !value.starts_with('0');
    value.parse().ok().filter(|bits| is_plain && (8..=WINDOW_BITS).contains(bits))
}

/// A value may stand in quotes, which mean nothing (RFC 6455, section 9.1). None where they are not closed.
fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').filter(|inner| !inner.contains(['"', '\\'])),
        None => Some(value),
    }
}

/// The parts between these separators, of which those in quotes separate nothing.
fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |character: char| {
        is_quoted ^= character == '"';
        !is_quoted && character == char::from(separator)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_offer_that_can_be_met_is_accepted() {
        for offer in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            " PerMessage-Deflate ;client_max_window_bits = 8",
            "permessage-deflate; client_max_window_bits=\"15\"",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
            "x-webkit-deflate-frame, permessage-deflate",
            "other; with=\"a, permessage-deflate; nothing=1\", permessage-deflate",
            "permessage-deflate; server_max_window_bits=10, permessage-deflate",
            "permessage-deflate; unknown, permessage-deflate; client_max_window_bits",
        ] {
            assert_eq!(accept_deflate([offer]), Some(ANSWER), "{offer}");
        }
        let first = "permessage-deflate; server_max_window_bits=15";
        for offer in [first, "permessage-deflate; SERVER_MAX_WINDOW_BITS=\"15\", permessage-deflate"] {
            assert_eq!(accept_deflate([offer]), Some(ANSWER_WITH_BITS), "{offer}");
        }
        assert_eq!(accept_deflate(["permessage-deflate", first]), Some(ANSWER), "over several headers");
        assert_eq!(accept_deflate(["x", first]), Some(ANSWER_WITH_BITS), "over several headers");
    }

    #[test]
    fn what_cannot_be_met_is_declined() {
        for offer in [
            "",
            " ",
            ",",
            ";",
            "permessage-deflate;",
            "permessage-deflate; ;client_max_window_bits",
            "permessage-deflate=1",
            "permessage-deflatex",
            "x-webkit-deflate-frame",
            "permessage-bzip2",
            "permessage-deflate; unknown",
            "permessage-deflate; unknown=1",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover=true",
            "permessage-deflate; client_no_context_takeover=",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; client_max_window_bits; CLIENT_MAX_WINDOW_BITS=10",
            "permessage-deflate; server_max_window_bits=15; server_max_window_bits=15",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=",
            "permessage-deflate; server_max_window_bits=14",
            "permessage-deflate; server_max_window_bits=8",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=015",
            "permessage-deflate; server_max_window_bits=+15",
            "permessage-deflate; server_max_window_bits=15.0",
            "permessage-deflate; server_max_window_bits=\"15",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_max_window_bits=09",
            "permessage-deflate; client_max_window_bits=271",
            "permessage-deflate; client_max_window_bits=-8",
            "permessage-deflate; client_max_window_bits=\"8\\\"",
            "other=\", permessage-deflate",
        ] {
            assert_eq!(accept_deflate([offer]), None, "{offer}");
        }
        assert_eq!(accept_deflate([]), None);
    }

    proptest! {
        #[test]
        fn whatever_is_offered_besides_changes_nothing(
            before in "[a-z0-9;= _-]{0,30}", after in "[ -~]{0,30}", bits in 8_u8..=15,
        ) {
            prop_assume!(!before.contains("permessage-deflate"));
            let offer = format!("{before},permessage-deflate; client_max_window_bits={bits},{after}");
            prop_assert_eq!(accept_deflate([offer.as_str()]), Some(ANSWER));
        }
    }
}
