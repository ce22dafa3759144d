//! Any text as a client's frame. What is decoded, written as a client would write it and decoded again, is the same.
#![no_main]

use chat_wire::{ClientFrame, ProfileChange, decode};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|text: &str| {
    if let Ok(frame) = decode(text) {
        let written = written(&frame).to_string();
        assert_eq!(decode(&written).as_ref(), Ok(&frame), "{written}");
        // Space around it means nothing.
        assert_eq!(decode(&format!("\n {text}\t")), Ok(frame));
    }
});

fn written(frame: &ClientFrame) -> Value {
    match frame {
        ClientFrame::Ping => json!({"type": "PING"}),
        ClientFrame::Join(join) => json!({"type": "JOIN", "payload": {
            "anonymousId": join.anonymous_id,
            "nickname": join.nickname,
            "avatar": join.avatar,
            "resume": join.resume.as_ref().map(|r| json!({"epoch": r.epoch, "rev": r.rev})),
        }}),
        ClientFrame::Profile(ProfileChange { nickname, avatar }) => {
            json!({"type": "PROFILE", "payload": {"nickname": nickname, "avatar": avatar}})
        }
        ClientFrame::Message(message) => {
            json!({"type": "MESSAGE", "payload": {"clientId": message.client_id, "content": message.content}})
        }
    }
}
