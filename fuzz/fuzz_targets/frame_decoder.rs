//! Any text as a client's frame. What is decoded, written as a client would write it and decoded again, is the same.
#![no_main]

use chat_wire::{
    BanToSend, ClientFrame, DeleteToSend, EditToSend, HeldToSettle, MentionToSend, MessageToSend, PinToSend,
    ProfileChange, ReactToSend, ReportToSend, RoomSetToSend, UnbanToSend, decode,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|text: &str| {
    if let Ok(frame) = decode(text) {
        let written = written(&frame).to_string();
        if matches!(frame, ClientFrame::RoomSet(_)) {
            // Its settings may be any JSON, in which a fraction is read to the last but one bit.
            assert!(decode(&written).is_ok(), "{written}");
            return;
        }
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
            "token": join.token,
            "nickname": join.nickname,
            "avatar": join.avatar,
            "resume": join.resume.as_ref().map(|r| json!({"epoch": r.epoch, "rev": r.rev})),
        }}),
        ClientFrame::Auth(auth) => json!({"type": "AUTH", "payload": {"token": auth.token}}),
        ClientFrame::Profile(ProfileChange { nickname, avatar }) => {
            json!({"type": "PROFILE", "payload": {"nickname": nickname, "avatar": avatar}})
        }
        ClientFrame::Message(MessageToSend { client_id, content, reply_to, mentions }) => {
            let mentions = written_mentions(mentions);
            command(
                "MESSAGE",
                json!({"clientId": client_id, "content": content, "replyTo": reply_to, "mentions": mentions}),
            )
        }
        ClientFrame::Edit(EditToSend { client_id, id, version, content, mentions }) => {
            let mentions = written_mentions(mentions);
            let payload =
                json!({"clientId": client_id, "id": id, "version": version, "content": content, "mentions": mentions});
            command("EDIT", payload)
        }
        ClientFrame::Delete(DeleteToSend { client_id, id }) => {
            command("DELETE", json!({"clientId": client_id, "id": id}))
        }
        ClientFrame::React(ReactToSend { client_id, id, emoji, on }) => {
            command("REACT", json!({"clientId": client_id, "id": id, "emoji": emoji, "on": on}))
        }
        ClientFrame::Pin(PinToSend { client_id, id, on }) => {
            command("PIN", json!({"clientId": client_id, "id": id, "on": on}))
        }
        ClientFrame::Report(ReportToSend { client_id, id, reason }) => {
            command("REPORT", json!({"clientId": client_id, "id": id, "reason": reason}))
        }
        ClientFrame::Ban(BanToSend { client_id, author_id, seconds, delete_seconds, reason, scope, address }) => {
            let payload = json!({
                "clientId": client_id, "authorId": author_id, "seconds": seconds, "deleteSeconds": delete_seconds,
                "reason": reason, "scope": scope, "address": address,
            });
            command("BAN", payload)
        }
        ClientFrame::Unban(UnbanToSend { client_id, author_id, scope }) => {
            command("UNBAN", json!({"clientId": client_id, "authorId": author_id, "scope": scope}))
        }
        ClientFrame::RoomSet(RoomSetToSend { client_id, settings, settings_rev }) => {
            command("ROOM_SET", json!({"clientId": client_id, "settings": settings, "settingsRev": settings_rev}))
        }
        ClientFrame::Approve(HeldToSettle { client_id, held_ids }) => {
            command("APPROVE", json!({"clientId": client_id, "heldIds": held_ids}))
        }
        ClientFrame::Reject(HeldToSettle { client_id, held_ids }) => {
            command("REJECT", json!({"clientId": client_id, "heldIds": held_ids}))
        }
        ClientFrame::Typing => command("TYPING", json!({})),
    }
}

fn command(kind: &str, payload: Value) -> Value {
    json!({"type": kind, "payload": payload})
}

fn written_mentions(mentions: &[MentionToSend]) -> Value {
    mentions.iter().map(|m| json!({"authorId": m.author_id, "from": m.from, "to": m.to})).collect()
}
