//! What a client is sent: the text of a WebSocket message each.

use std::time::Duration;

use serde_json::{Value, json};

/// Engine.IO's first packet.
///
/// `session` is this connection's own id, `ping` how often the server asks for a sign of life, `wait` how long it then
/// waits, `n_bytes_max` how long a message may be.
pub fn open(session: &str, ping: Duration, wait: Duration, n_bytes_max: usize) -> String {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let packet = json!({
        "sid": session,
        "upgrades": [],
        "pingInterval": millis(ping),
        "pingTimeout": millis(wait),
        "maxPayload": n_bytes_max,
    });
    format!("0{packet}")
}

/// Asks for a sign of life.
pub const PING: &str = "2";

/// Answers a ping with what it had.
pub fn pong(of: &str) -> String {
    format!("3{of}")
}

/// The client is in the namespace, by this id.
pub fn connected(session: &str) -> String {
    format!("40{}", json!({"sid": session}))
}

/// The client may not come into a namespace, and why: `data` goes with it.
pub fn connect_error(namespace: &str, message: &str, data: &Value) -> String {
    let error = json!({"message": message, "data": data});
    if namespace == "/" { format!("44{error}") } else { format!("44{namespace},{error}") }
}

/// The client's namespace ends.
pub const DISCONNECT: &str = "41";

/// Something of this name. `payload` is JSON already.
pub fn event(name: &str, payload: &str) -> String {
    format!("42[{},{payload}]", Value::from(name))
}

/// The answer with this number. `payload` is JSON already.
pub fn ack(number: u64, payload: &str) -> String {
    format!("43{number}[{payload}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_written_as_the_protocol_has_them() {
        let open = open("s", Duration::from_secs(25), Duration::from_secs(20), 16_384);
        let read: Value = serde_json::from_str(open.strip_prefix('0').expect("an open packet")).expect("JSON");
        assert_eq!(read["pingInterval"], 25_000);
        assert_eq!((&read["sid"], &read["upgrades"], &read["maxPayload"]), (&json!("s"), &json!([]), &json!(16_384)));
        assert_eq!(pong("probe"), "3probe");
        assert_eq!(connected("x"), "40{\"sid\":\"x\"}");
        assert_eq!(
            connect_error("/", "no", &json!({"code": "BAD_TOKEN"})),
            "44{\"data\":{\"code\":\"BAD_TOKEN\"},\"message\":\"no\"}"
        );
        assert!(connect_error("/a", "no", &Value::Null).starts_with("44/a,{"));
        assert_eq!(event("a\"b", "{}"), "42[\"a\\\"b\",{}]");
        assert_eq!(ack(7, "{\"ok\":true}"), "437[{\"ok\":true}]");
    }
}
