use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::provider;

/// How long an access token is good (people.md, section 4).
pub const ACCESS_VALID: Duration = Duration::from_secs(600);
/// Clocks of servers differ: a token is taken that was made so many seconds in the future.
const SKEW_SECS: i64 = 60;
/// A token is about 300 bytes; what is much longer is none.
const TOKEN_BYTES_MAX: usize = 1_024;

/// What an access token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Whose it is.
    pub sub: Uuid,
    /// The login that it belongs to.
    pub lid: Uuid,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// Until when it is good.
    pub exp: i64,
}

/// Why a token is not taken. No more is said to whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It is none, or not signed by a key of this chat.
    #[error("this is no token of this chat")]
    Forged,
    /// It names a key that is not known here: another server may have made one a moment ago.
    #[error("the token's key is not known")]
    UnknownKey,
    /// Its time is over, or has not come.
    #[error("the token is over")]
    Over,
}

/// A key that signs, and what checks its signatures.
pub struct SigningKey {
    kid: String,
    signs: EncodingKey,
    checks: DecodingKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

/// A new key as it is stored (PKCS #8); `None` where the system gives no random bytes.
pub fn new_key() -> Option<Vec<u8>> {
    Some(Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok()?.as_ref().to_vec())
}

impl SigningKey {
    /// A key as it was stored; `None` where it is none.
    pub fn from_stored(kid: &str, secret: &[u8]) -> Option<Self> {
        provider::install();
        let pair = Ed25519KeyPair::from_pkcs8(secret).ok()?;
        Some(Self {
            kid: kid.to_owned(),
            signs: EncodingKey::from_ed_der(secret),
            checks: DecodingKey::from_ed_der(pair.public_key().as_ref()),
        })
    }
}

/// The keys of a chat: the first one signs, all check.
#[derive(Debug, Default)]
pub struct Keys(Vec<SigningKey>);

impl Keys {
    /// These, the newest first.
    pub fn new(keys: Vec<SigningKey>) -> Self {
        Self(keys)
    }

    /// A token for a login; `None` where there is no key.
    pub fn sign(&self, user: Uuid, login: Uuid, now: i64) -> Option<String> {
        let key = self.0.first()?;
        let exp = now.saturating_add_unsigned(ACCESS_VALID.as_secs());
        let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &AccessClaims { sub: user, lid: login, iat: now, exp }, &key.signs).ok()
    }

    /// What a token says, at this time.
    ///
    /// # Errors
    /// See [`BadToken`].
    pub fn check(&self, token: &str, now: i64) -> Result<AccessClaims, BadToken> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(BadToken::Forged);
        }
        provider::install();
        let header = decode_header(token).map_err(|_| BadToken::Forged)?;
        let kid = header.kid.filter(|_| header.alg == Algorithm::EdDSA).ok_or(BadToken::Forged)?;
        let key = self.0.iter().find(|key| key.kid == kid).ok_or(BadToken::UnknownKey)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        // Looked at below, by the time that is passed in.
        validation.validate_exp = false;
        let claims = decode::<AccessClaims>(token, &key.checks, &validation).map_err(|_| BadToken::Forged)?.claims;
        let is_good = claims.exp > now && claims.iat <= now.saturating_add(SKEW_SECS);
        // Longer than any that this chat makes: whatever signed it, it is not believed.
        let is_short = claims.exp.saturating_sub(claims.iat) <= i64::try_from(ACCESS_VALID.as_secs()).unwrap_or(0);
        if is_good && is_short { Ok(claims) } else { Err(BadToken::Over) }
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    fn keys(kids: &[&str]) -> (Keys, Vec<Vec<u8>>) {
        let secrets: Vec<_> = kids.iter().map(|_| new_key().expect("a key")).collect();
        let key = |(kid, secret): (&&str, &Vec<u8>)| SigningKey::from_stored(kid, secret).expect("a key");
        (Keys::new(kids.iter().zip(&secrets).map(key).collect()), secrets)
    }

    const NOW: i64 = 1_800_000_000;

    fn ids() -> (Uuid, Uuid) {
        (Uuid::from_u128(1), Uuid::from_u128(2))
    }

    #[test]
    fn a_token_says_whose_it_is_until_it_is_over() {
        let (keys, _) = keys(&["a"]);
        let (user, login) = ids();
        let token = keys.sign(user, login, NOW).expect("a token");
        let claims = keys.check(&token, NOW + 599).expect("it is good");
        assert_eq!((claims.sub, claims.lid, claims.iat, claims.exp), (user, login, NOW, NOW + 600));
        assert_eq!(keys.check(&token, NOW + 600), Err(BadToken::Over));
        assert!(keys.check(&token, NOW - 60).is_ok(), "clocks differ");
        assert_eq!(keys.check(&token, NOW - 61), Err(BadToken::Over));
    }

    #[test]
    fn the_newest_key_signs_and_older_ones_check() {
        let (old, secrets) = keys(&["old"]);
        let (user, login) = ids();
        let token = old.sign(user, login, NOW).expect("a token");
        let new = new_key().expect("a key");
        let key = |kid, secret: &[u8]| SigningKey::from_stored(kid, secret).expect("a key");
        let both = Keys::new(vec![key("new", &new), key("old", &secrets[0])]);
        assert!(both.check(&token, NOW).is_ok());
        assert_eq!(Keys::new(vec![key("new", &new)]).check(&token, NOW), Err(BadToken::UnknownKey));
        // The name of a key is no proof of it.
        assert_eq!(Keys::new(vec![key("old", &new)]).check(&token, NOW), Err(BadToken::Forged));
        assert_eq!(Keys::default().sign(user, login, NOW), None);
    }

    #[test]
    fn no_other_algorithm_is_taken() {
        let (keys, _) = keys(&["a"]);
        let (user, login) = ids();
        let token = keys.sign(user, login, NOW).expect("a token");
        let parts: Vec<&str> = token.split('.').collect();
        let with =
            |header: &str, signature: &str| format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header), parts[1]);
        for header in [
            r#"{"alg":"none","kid":"a"}"#,
            r#"{"alg":"None","kid":"a"}"#,
            r#"{"alg":"HS256","kid":"a"}"#,
            r#"{"alg":"RS256","kid":"a"}"#,
            r#"{"alg":"EdDSA"}"#,
            r#"{"kid":"a"}"#,
            r#"{"alg":"ES256","kid":"a","jwk":{}}"#,
            "{",
            "",
        ] {
            for signature in ["", parts[2], "AAAA"] {
                assert!(keys.check(&with(header, signature), NOW).is_err(), "{header} {signature}");
            }
        }
        assert_eq!(keys.check(&with(r#"{"alg":"EdDSA","kid":"b"}"#, parts[2]), NOW), Err(BadToken::UnknownKey));
        for text in ["", ".", "..", "a.b.c", &"a".repeat(5_000), token.trim_end_matches(|c| c != '.')] {
            assert!(keys.check(text, NOW).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_that_is_good_for_years_is_not_believed() {
        let (keys, _) = keys(&["a"]);
        let (sub, lid) = ids();
        let header = Header { kid: Some("a".into()), ..Header::new(Algorithm::EdDSA) };
        let claims = AccessClaims { sub, lid, iat: NOW, exp: NOW + 601 };
        let token = encode(&header, &claims, &keys.0[0].signs).expect("a token");
        assert_eq!(keys.check(&token, NOW), Err(BadToken::Over));
    }

    proptest! {
        /// Whatever byte of a token is another one, it is not taken.
        #[test]
        fn a_changed_token_is_not_taken(at in 0_usize..1_000, other in "[A-Za-z0-9_.-]") {
            let (keys, _) = keys(&["a"]);
            let (user, login) = ids();
            let token = keys.sign(user, login, NOW).expect("a token");
            // The last character has bits that no signature has.
            let at = at % (token.len() - 1);
            let mut changed = token.clone();
            changed.replace_range(at..=at, &other);
            prop_assume!(changed != token);
            prop_assert!(keys.check(&changed, NOW).is_err());
        }

        #[test]
        fn nothing_that_is_no_token_is_taken(text in ".{0,200}") {
            let (keys, _) = keys(&["a"]);
            prop_assert!(keys.check(&text, NOW).is_err());
        }
    }
}
