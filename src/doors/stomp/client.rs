use std::time::Duration;

use uuid::Uuid;

use crate::doors::connection::Client;
use chat_stomp::{Frame, HeartBeat, Version, negotiate};

/// How often the server would send and have a sign of life.
pub const HEART_BEAT: Duration = Duration::from_secs(10);

/// What a CONNECT agrees upon.
#[derive(Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Who it is, still to be looked at.
    pub client: Client,
    /// The version from here on.
    pub version: Version,
    /// The signs of life.
    pub heart_beat: HeartBeat,
}

/// What a CONNECT says.
///
/// # Errors
/// With a sentence for whoever wrote the client.
pub fn agreed(frame: &Frame) -> Result<Agreed, &'static str> {
    let header = |name: &str| frame.headers.get(name).map(str::trim).filter(|value| !value.is_empty());
    let version = negotiate(frame.headers.get("accept-version")).ok_or("this server speaks STOMP 1.0, 1.1 and 1.2")?;
    let heart_beat = HeartBeat::agree(header("heart-beat"), HEART_BEAT)
        .map_err(|_| "heart-beat is two numbers of milliseconds, as in 10000,10000")?;
    let bearer = header("Authorization").or_else(|| header("authorization")).map(|value| {
        let (scheme, token) = value.split_once(' ').unwrap_or_default();
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
    });
    let token = match bearer {
        Some(token) => Some(token.ok_or("the header Authorization is Bearer and a token")?),
        None => header("token").or_else(|| header("passcode")),
    };
    let anonymous_id = header("anonymous-id").map(Uuid::try_parse).transpose();
    let client = Client {
        token: token.map(str::to_owned),
        anonymous_id: anonymous_id.map_err(|_| "the header anonymous-id is a UUID")?,
        nickname: header("nickname").map(str::to_owned),
        avatar: header("avatar").map(str::to_owned),
    };
    Ok(Agreed { client, version, heart_beat })
}

#[cfg(test)]
mod tests {
    use chat_stomp::{Decoder, Inbound, Limits};

    use super::*;

    fn read(headers: &str) -> Result<Agreed, &'static str> {
        let mut decoder = Decoder::new(Limits { head_bytes: 1_000, headers: 20, body_bytes: 10 });
        decoder.feed(format!("CONNECT\n{headers}\n\0").as_bytes());
        match decoder.next() {
            Ok(Some(Inbound::Frame(frame))) => agreed(&frame),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_token_is_brought_by_whichever_header_a_client_can_set() {
        let token = |headers: &str| read(headers).map(|agreed| agreed.client.token);
        for headers in ["Authorization:Bearer a:b\n", "authorization: bearer  a:b\n", "token:a:b\n", "passcode:a:b\n"] {
            assert_eq!(token(headers), Ok(Some("a:b".to_owned())), "{headers}");
        }
        assert_eq!(token("Authorization:Bearer x\npasscode:y\n"), Ok(Some("x".to_owned())));
        assert_eq!(token("login:\npasscode:\n"), Ok(None), "as clients send where they have none");
        for headers in ["Authorization:Basic eDp5\n", "Authorization:Bearer\n", "Authorization:Bearer \n"] {
            assert!(token(headers).is_err(), "{headers}");
        }
    }

    #[test]
    fn what_is_agreed_upon_is_the_lesser_of_both() {
        let agreed = read("accept-version:1.0,1.1\nheart-beat:1,0\nnickname: 글쓴이\n").expect("it is fine");
        assert_eq!((agreed.version, agreed.heart_beat.receives), (Version::V11, Some(HEART_BEAT)));
        assert_eq!((agreed.heart_beat.sends, agreed.client.nickname.as_deref()), (None, Some("글쓴이")));
        for headers in ["accept-version:3.0\n", "heart-beat:x\n", "anonymous-id:me\n"] {
            assert!(read(headers).is_err(), "{headers}");
        }
    }
}
