use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{
    key_set::SignedBy,
    site::{Site, Sites, is_name},
};
use chat_domain::{AvatarName, Nickname};

/// A blog's token is good for an hour at most (people.md, section 1).
const VALID_SECS_MAX: f64 = 3_600.0;
/// Clocks differ, and a new token takes its time to come: one is taken for so long past its end, and so long before it was made.
pub const LATE: Duration = Duration::from_secs(60);
/// With an RSA key of 8,192 bits a token is about 2,000 bytes; what is much longer is none.
const TOKEN_BYTES_MAX: usize = 4_096;

/// What a blog says of one of its users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteClaims {
    /// The blog.
    pub site: String,
    /// What the blog calls them.
    pub subject: String,
    /// What everybody calls them.
    pub nickname: Nickname,
    /// Their picture; none for the derived one.
    pub avatar: Option<AvatarName>,
    /// For how long they may write by this token, [`LATE`] included.
    pub remaining: Duration,
}

/// Why a token of a blog is not taken. Beyond the first nothing is said to who cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadSiteToken {
    /// It is none, of no blog that is known here, or not signed with its key.
    Forged,
    /// It names a key that the blog may have published since its keys were fetched: nobody can tell now.
    Unknown,
    /// Its time is over.
    Over,
    /// Its time has not come.
    Early,
    /// It would be good for too long.
    Long,
    /// It is for somebody else.
    Audience,
    /// A claim is missing or of the wrong kind.
    Claims,
    /// Nobody can be called that.
    Subject,
    /// The name breaks the rules of nicknames.
    Nickname,
    /// There is no such avatar.
    Avatar,
}

impl BadSiteToken {
    /// For whoever writes what signs.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Forged => "this is no token that a blog known to this chat has signed",
            Self::Unknown => "the keys of this blog are being fetched; try again",
            Self::Over => "the token's time is over: exp lies in the past",
            Self::Early => "the token's iat lies in the future: look at the clock of who signs",
            Self::Long => "a token is good for an hour at most: exp is at most 3600 after iat, and not before it",
            Self::Audience => "the token's aud is not what CHAT_SITES says: the chat's origin",
            Self::Claims => "a token has iss, sub, name, aud (texts), iat and exp (numbers), and perhaps avatar",
            Self::Subject => "the token's sub is a text of 1 to 255 characters, none of them a control",
            Self::Nickname => "the token's name has 2 to 15 characters, all of them visible",
            Self::Avatar => "there is no avatar of the name that the token has",
        }
    }
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    alg: std::borrow::Cow<'a, str>,
    typ: Option<String>,
    /// The name of the key, which chooses among those that the blog publishes.
    kid: Option<String>,
    /// What whoever reads must understand: nothing of it is understood here (RFC 7515, section 4.1.11).
    crit: Option<serde_json::Value>,
}

/// The name of the key, which is all that is looked at before the signature.
#[derive(Deserialize)]
struct Issuer {
    iss: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    name: String,
    avatar: Option<String>,
    aud: Audience,
    // A number of seconds, with or without a fraction (RFC 7519, section 2).
    iat: f64,
    exp: f64,
    nbf: Option<f64>,
}

impl Sites {
    /// What a token says, at this time, in seconds since 1970.
    ///
    /// The key is that of `iss`, and the algorithm the one that goes with that key: what the token says of either (`alg`,
    /// `jwk`, `jku`, `x5u`) chooses nothing (RFC 8725, section 3.1), but `kid` among the keys that this blog publishes.
    ///
    /// # Errors
    /// See [`BadSiteToken`].
    pub fn check(&self, token: &str, now: f64) -> Result<SiteClaims, BadSiteToken> {
        let (site, payload) = match self.signed(token).ok_or(BadSiteToken::Forged)? {
            (site, payload, SignedBy::Key) => (site, payload),
            (_, _, SignedBy::Nobody) => return Err(BadSiteToken::Forged),
            (_, _, SignedBy::Unknown) => return Err(BadSiteToken::Unknown),
        };
        let claims: Claims = serde_json::from_slice(&payload).map_err(|_| BadSiteToken::Claims)?;
        let Claims { sub, name, avatar, aud, iat, exp, nbf } = claims;
        let is_for_us = match aud {
            Audience::One(aud) => aud == site.chat,
            Audience::Many(all) => all.contains(&site.chat),
        };
        if !is_for_us {
            return Err(BadSiteToken::Audience);
        }
        let late = LATE.as_secs_f64();
        if !(0.0..=VALID_SECS_MAX).contains(&(exp - iat)) {
            return Err(BadSiteToken::Long);
        }
        if iat.max(nbf.unwrap_or(iat)) > now + late {
            return Err(BadSiteToken::Early);
        }
        let remaining = Duration::try_from_secs_f64(exp + late - now).map_err(|_| BadSiteToken::Over)?;
        if remaining.is_zero() {
            return Err(BadSiteToken::Over);
        }
        if !is_name(&sub) {
            return Err(BadSiteToken::Subject);
        }
        let nickname = Nickname::parse(&name).map_err(|_| BadSiteToken::Nickname)?;
        let avatar = avatar.map(|name| AvatarName::parse(&name)).transpose().map_err(|_| BadSiteToken::Avatar)?;
        Ok(SiteClaims { site: site.name.clone(), subject: sub, nickname, avatar, remaining })
    }

    /// The blog whose token this claims to be, what it says, and whether one of its keys has signed that.
    fn signed(&self, token: &str) -> Option<(&Site, Vec<u8>, SignedBy)> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (head, payload) = message.split_once('.')?;
        // Strict: no padding, no other letters, no bits that nobody reads.
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let (head, payload) = (decoded(head)?, decoded(payload)?);
        let head: Head<'_> = serde_json::from_slice(&head).ok()?;
        let is_jwt = head.typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
        let issuer: Issuer = serde_json::from_slice(&payload).ok()?;
        let site = self.named(&issuer.iss)?;
        let is_right = is_jwt && head.crit.is_none() && head.alg == site.key.algorithm();
        let signed_by = site.key.signed_by(head.kid.as_deref(), message.as_bytes(), &decoded(signature)?);
        is_right.then_some((site, payload, signed_by))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::{
        hmac,
        rand::SystemRandom,
        signature::{Ed25519KeyPair, KeyPair},
    };
    use serde_json::{Value, json};

    use super::*;
    use crate::public_key::tests::RSA_PEM;

    const NOW: f64 = 1_800_000_000.0;
    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const OTHER: &str = "another-secret-of-32-bytes-0123456789";
    const BLOG: &str = "https://blog.example";
    /// Signed with the other half of [`RSA_PEM`], for 600 s from `NOW`.
    const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL3JzYS5leGFtcGxlIiwic3ViIjoiNDIiLCJuYW1lIjoib3R0ZXIiLCJpYXQiOjE4MDAwMDAwMDAsImV4cCI6MTgwMDAwMDYwMCwiYXVkIjoiaHR0cHM6Ly9jaGF0LmV4YW1wbGUifQ.iu5TbywIsDmapQLy-PAuxRHgmYZQLV38_dSoPjxe1cP2T0pV3I4xa1uBof4DDogy10XYRqt4SeSK3HfeMXbYzfMQTy9JwwPPv_zbKi2c316rqhjvAJp6MRGd6CTETp6cOoZoUTYC8AZVf3RcY47muvRbhUX8Uyp21YHmOsAHSb373NVzq_h9-WMB1lSIDdLZc8MQ38_iLAnIeJpPqueAfhv1nxhozVNEwiaXuHyDH4UcAfzB_IpzyQRXmOIX2RxaOcQNwm3SkIxAwzc3RBNdXOCoqNXP8Kpg98G5O7zjbEkNuSSBKQ-2Q0hJsjNt4cfP5t6xGll8Pq27wV7V7BBr2Q";

    fn pair() -> Ed25519KeyPair {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key")
    }

    fn pem(pair: &Ed25519KeyPair) -> String {
        let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        let der = [&head[..], pair.public_key().as_ref()].concat();
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    fn sites_with(pair: &Ed25519KeyPair) -> Sites {
        let chat = "https://chat.example";
        let sites = json!([
            {"iss": BLOG, "aud": chat, "alg": "HS256", "secret": SECRET},
            {"iss": "https://other.example", "aud": chat, "alg": "HS256", "secret": OTHER},
            {"iss": "https://ed.example", "aud": chat, "alg": "EdDSA", "key": pem(pair)},
            {"iss": "https://rsa.example", "aud": chat, "alg": "RS256", "key": RSA_PEM},
        ]);
        Sites::parse(&sites.to_string()).expect("they are good")
    }

    fn sites() -> Sites {
        sites_with(&pair())
    }

    fn claims(changes: Value) -> Value {
        let mut claims = json!({"iss": BLOG, "sub": "42", "name": "otter", "aud": "https://chat.example",
            "iat": 1_800_000_000, "exp": 1_800_000_600});
        for (name, value) in changes.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        claims
    }

    fn message(head: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", part(head), part(claims))
    }

    fn hmac_of(message: &str, secret: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes())))
    }

    fn token(changes: Value) -> String {
        hmac_of(&message(&json!({"alg": "HS256", "typ": "JWT"}), &claims(changes)), SECRET.as_bytes())
    }

    #[test]
    fn a_token_says_who_somebody_is_until_a_minute_past_its_end() {
        let (sites, token) = (sites(), token(json!({"avatar": "cat", "locale": "ko"})));
        let found = sites.check(&token, NOW).expect("it is good");
        assert_eq!((&*found.site, &*found.subject, found.nickname.as_str()), (BLOG, "42", "otter"));
        assert_eq!(
            (found.avatar.map(|avatar| avatar.as_str()), found.remaining),
            (Some("cat"), Duration::from_secs(660))
        );
        for (after, expected) in [
            (-61.0, Err(BadSiteToken::Early)),
            (-60.0, Ok(720)),
            (600.0, Ok(60)),
            (659.0, Ok(1)),
            (660.0, Err(BadSiteToken::Over)),
            (1e9, Err(BadSiteToken::Over)),
            (f64::NAN, Err(BadSiteToken::Over)),
        ] {
            let remaining = sites.check(&token, NOW + after).map(|claims| claims.remaining.as_secs());
            assert_eq!(remaining, expected, "{after}");
        }
    }

    #[test]
    fn each_algorithm_is_taken_of_the_blog_that_it_goes_with() {
        let pair = pair();
        let sites = sites_with(&pair);
        let message = message(&json!({"alg": "EdDSA"}), &claims(json!({"iss": "https://ed.example"})));
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()));
        assert_eq!(
            sites.check(&format!("{message}.{signature}"), NOW).map(|c| c.site),
            Ok("https://ed.example".into())
        );
        assert_eq!(sites.check(RSA_TOKEN, NOW).map(|c| c.site), Ok("https://rsa.example".into()));
        let (message, _) = RSA_TOKEN.rsplit_once('.').expect("a token");
        for secret in [RSA_PEM, RSA_PEM.trim(), SECRET] {
            assert_eq!(sites.check(&hmac_of(message, secret.as_bytes()), NOW), Err(BadSiteToken::Forged));
        }
    }

    #[test]
    fn what_a_token_says_of_its_algorithm_and_its_key_chooses_nothing() {
        let sites = sites();
        let good = token(json!({}));
        let (_, signature) = good.rsplit_once('.').expect("a token");
        for head in [
            json!({"alg": "none"}),
            json!({"alg": "None"}),
            json!({"alg": "hs256"}),
            json!({"alg": "HS384"}),
            json!({"alg": "EdDSA"}),
            json!({"alg": "RS256"}),
            json!({"alg": ""}),
            json!({"alg": null}),
            json!({"alg": ["HS256"]}),
            json!({}),
            json!([]),
            json!({"alg": "HS256", "crit": ["exp"]}),
            json!({"alg": "HS256", "crit": [], "exp": 1}),
            json!({"alg": "HS256", "typ": "at+jwt"}),
            json!({"alg": "HS256", "typ": 7}),
        ] {
            let message = message(&head, &claims(json!({})));
            for token in [format!("{message}."), format!("{message}.{signature}"), hmac_of(&message, SECRET.as_bytes())]
            {
                assert_eq!(sites.check(&token, NOW), Err(BadSiteToken::Forged), "{head}");
            }
        }
        // The secret that both algorithms could be talked into is the public key, which is no secret.
        for iss in ["https://rsa.example", "https://ed.example"] {
            let message = message(&json!({"alg": "HS256"}), &claims(json!({"iss": iss})));
            for secret in [RSA_PEM, SECRET, ""] {
                assert_eq!(sites.check(&hmac_of(&message, secret.as_bytes()), NOW), Err(BadSiteToken::Forged));
            }
        }
        // A key that the token brings along or points to is not looked at, and does no harm either.
        for extra in [
            json!({"kid": "../../../dev/null"}),
            json!({"kid": "https://other.example"}),
            json!({"jwk": {"kty": "oct", "k": "AA"}}),
            json!({"jku": "https://evil.example/keys"}),
            json!({"x5u": "https://evil.example/cert"}),
        ] {
            let mut head = json!({"alg": "HS256"});
            head.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
            let message = message(&head, &claims(json!({})));
            assert!(sites.check(&hmac_of(&message, SECRET.as_bytes()), NOW).is_ok(), "{head}");
            for secret in [OTHER, "", "\0"] {
                assert_eq!(
                    sites.check(&hmac_of(&message, secret.as_bytes()), NOW),
                    Err(BadSiteToken::Forged),
                    "{head}"
                );
            }
        }
    }

    #[test]
    fn a_blog_speaks_for_itself_alone() {
        let sites = sites();
        let head = json!({"alg": "HS256"});
        let of = |iss: Value, secret: &str| hmac_of(&message(&head, &claims(json!({"iss": iss}))), secret.as_bytes());
        assert!(sites.check(&of(json!("https://other.example"), OTHER), NOW).is_ok());
        assert_eq!(sites.check(&of(json!(BLOG), OTHER), NOW), Err(BadSiteToken::Forged), "another one's key");
        for iss in [
            json!("https://nobody.example"),
            json!(""),
            json!(null),
            json!(7),
            json!([BLOG]),
            json!("https://BLOG.example"),
        ] {
            assert_eq!(sites.check(&of(iss.clone(), SECRET), NOW), Err(BadSiteToken::Forged), "{iss}");
        }
        assert_eq!(Sites::default().check(&of(json!(BLOG), SECRET), NOW), Err(BadSiteToken::Forged));
        let twice = format!(r#"{{"iss":"{BLOG}","iss":"https://other.example","sub":"1"}}"#);
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(head.to_string()), URL_SAFE_NO_PAD.encode(twice));
        assert_eq!(sites.check(&hmac_of(&message, SECRET.as_bytes()), NOW), Err(BadSiteToken::Forged));
    }

    #[test]
    fn each_claim_has_its_rules() {
        let sites = sites();
        let iat = 1_800_000_000;
        for (changes, expected) in [
            (json!({"aud": "https://other.example"}), BadSiteToken::Audience),
            (json!({"aud": "https://chat.example/"}), BadSiteToken::Audience),
            (json!({"aud": []}), BadSiteToken::Audience),
            (json!({"aud": 7}), BadSiteToken::Claims),
            (json!({"aud": null}), BadSiteToken::Claims),
            (json!({"exp": iat + 3_601}), BadSiteToken::Long),
            (json!({"exp": iat - 1}), BadSiteToken::Long),
            (json!({"iat": -1e300, "exp": 1e300}), BadSiteToken::Long),
            (json!({"iat": 1e300, "exp": 1e300}), BadSiteToken::Early),
            (json!({"exp": null}), BadSiteToken::Claims),
            (json!({"exp": "1800000600"}), BadSiteToken::Claims),
            (json!({"iat": null}), BadSiteToken::Claims),
            (json!({"iat": iat + 61, "exp": iat + 100}), BadSiteToken::Early),
            (json!({"nbf": iat + 61}), BadSiteToken::Early),
            (json!({"iat": iat - 3_660, "exp": iat - 60}), BadSiteToken::Over),
            (json!({"sub": ""}), BadSiteToken::Subject),
            (json!({"sub": "a\u{0}"}), BadSiteToken::Subject),
            (json!({"sub": "a".repeat(256)}), BadSiteToken::Subject),
            (json!({"sub": 42}), BadSiteToken::Claims),
            (json!({"sub": null}), BadSiteToken::Claims),
            (json!({"name": "a"}), BadSiteToken::Nickname),
            (json!({"name": "somebody with a long name"}), BadSiteToken::Nickname),
            (json!({"name": "ab\u{202e}"}), BadSiteToken::Nickname),
            (json!({"name": null}), BadSiteToken::Claims),
            (json!({"avatar": "dragon"}), BadSiteToken::Avatar),
            (json!({"avatar": "https://blog.example/me.png"}), BadSiteToken::Avatar),
            (json!({"avatar": 7}), BadSiteToken::Claims),
        ] {
            assert_eq!(sites.check(&token(changes.clone()), NOW), Err(expected), "{changes}");
        }
        for changes in [
            json!({"aud": ["https://other.example", "https://chat.example"]}),
            json!({"exp": iat + 3_600}),
            json!({"iat": 1_800_000_000.25, "exp": 1_800_000_600.75}),
            json!({"iat": iat + 60, "exp": iat + 660}),
            json!({"nbf": iat}),
            json!({"avatar": null}),
            json!({"sub": "이".repeat(255), "name": "  수달 "}),
        ] {
            assert!(sites.check(&token(changes.clone()), NOW).is_ok(), "{changes}");
        }
    }

    #[test]
    fn what_is_too_long_is_not_looked_at() {
        let sites = sites();
        assert!(sites.check(&token(json!({"more": "x".repeat(2_500)})), NOW).is_ok());
        assert_eq!(sites.check(&token(json!({"more": "x".repeat(4_000)})), NOW), Err(BadSiteToken::Forged));
        for text in ["", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", &".".repeat(4_096), &"[".repeat(4_096)] {
            assert_eq!(sites.check(text, NOW), Err(BadSiteToken::Forged), "{text:.20}");
        }
        let padded = token(json!({})).replacen('.', "=.", 1);
        assert_eq!(sites.check(&padded, NOW), Err(BadSiteToken::Forged));
    }

    proptest! {
        /// Whatever letter of a token is another one, it is not taken.
        #[test]
        fn a_changed_token_is_not_taken(at in 0_usize..2_000, other in "[A-Za-z0-9_.-]", is_rsa in any::<bool>()) {
            let token = if is_rsa { RSA_TOKEN.to_owned() } else { token(json!({})) };
            let at = at % token.len();
            let mut changed = token.clone();
            changed.replace_range(at..=at, &other);
            prop_assume!(changed != token);
            prop_assert_eq!(sites().check(&changed, NOW), Err(BadSiteToken::Forged));
        }

        #[test]
        fn nothing_that_is_no_token_is_taken(text in ".{0,200}", parts in "[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}") {
            prop_assert_eq!(sites().check(&text, NOW), Err(BadSiteToken::Forged));
            prop_assert_eq!(sites().check(&parts, NOW), Err(BadSiteToken::Forged));
        }

        /// Whatever times are signed, what is taken is within the hour and ends a minute past its end.
        #[test]
        fn times_are_within_their_bounds(iat in any::<f64>(), exp in any::<f64>(), from in -10_000_i64..10_000, length in -10_i64..5_000) {
            let sites = sites();
            let near = (NOW + f64::from(i32::try_from(from).expect("small")), f64::from(i32::try_from(length).expect("small")));
            for (iat, exp) in [(iat, exp), (near.0, near.0 + near.1)] {
                let checked = sites.check(&token(json!({"iat": iat, "exp": exp})), NOW);
                if let Ok(claims) = checked {
                    prop_assert!(exp >= iat && exp - iat <= 3_600.0 && iat <= NOW + 60.0 && exp > NOW - 60.0);
                    prop_assert!(claims.remaining <= Duration::from_secs(3_720));
                } else if exp >= iat && exp - iat <= 3_600.0 && iat <= NOW + 60.0 && exp >= NOW - 59.0 {
                    prop_assert!(false, "{iat} {exp} {checked:?}");
                }
            }
        }
    }
}
