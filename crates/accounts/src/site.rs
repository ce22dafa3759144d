use std::{fmt, sync::Arc};

use ring::hmac;
use serde::Deserialize;

use super::{
    key_set::{KeySet, SetAlgorithm, SignedBy, is_address},
    public_key::{PublicKey, WrongKey},
};

/// Keys of so many blogs at most: each is looked at when a token comes.
const SITES_MAX: usize = 100;
/// A secret has at least as many bytes as what it makes (RFC 7518, section 3.2).
const SECRET_BYTES_MIN: usize = 32;
/// What `users.site` and `users.subject` hold.
const NAME_CHARS_MAX: usize = 255;

/// The one way in which a blog signs.
pub(crate) enum SiteKey {
    /// A secret that both have (HS256).
    Secret(hmac::Key),
    /// The public half of a pair (EdDSA, RS256).
    Public(PublicKey),
    /// Public halves that the blog publishes.
    Set(KeySet),
}

/// A blog whose own users are believed.
pub(crate) struct Site {
    /// What it calls itself: `iss`.
    pub(crate) name: String,
    /// What it calls this chat: `aud`.
    pub(crate) chat: String,
    /// What it signs with.
    pub(crate) key: SiteKey,
}

impl SiteKey {
    /// What its tokens have to name as `alg`.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Secret(_) => "HS256",
            Self::Public(PublicKey::Ed25519(_)) => "EdDSA",
            Self::Public(PublicKey::Rsa(_)) => "RS256",
            Self::Set(set) => match set.algorithm() {
                SetAlgorithm::Ed25519 => "EdDSA",
                SetAlgorithm::Rsa => "RS256",
            },
        }
    }

    /// Whether this was signed with it. `kid` is the name that the token gives its key: it chooses in a set alone.
    pub(crate) fn signed_by(&self, kid: Option<&str>, message: &[u8], signature: &[u8]) -> SignedBy {
        let has_signed = match self {
            Self::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Public(key) => key.has_signed(message, signature),
            Self::Set(set) => return set.signed_by(kid, message, signature),
        };
        if has_signed { SignedBy::Key } else { SignedBy::Nobody }
    }
}

/// The blogs whose own users are believed, each with its key and the one algorithm that goes with it. Cheap to clone.
#[derive(Clone, Default)]
pub struct Sites(Arc<[Site]>);

impl fmt::Debug for Sites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|site| &site.name)).finish()
    }
}

/// What is wrong with a list of blogs. Says which one, and nothing of any key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongSites {
    /// It cannot be read.
    #[error(r#"it is a list in JSON: [{{"iss": "...", "aud": "...", "alg": "HS256", "secret": "..."}}, ...]"#)]
    NotAList,
    /// There are too many.
    #[error("it has at most 100 entries")]
    TooMany,
    /// A field is missing, unknown, or no text.
    #[error(
        "entry {0} has iss, aud, alg, and secret (HS256) or key or jwks (EdDSA, RS256), all of them texts, and nothing else"
    )]
    Fields(usize),
    /// No blog can be called that.
    #[error("iss of entry {0} has 1 to 255 characters, none of them a control")]
    Name(usize),
    /// Two are called the same.
    #[error("entry {0} has the iss of one before it")]
    Twice(usize),
    /// No chat can be called that.
    #[error("aud of entry {0} is the chat's origin, as https://chat.example: no path, no slash at its end")]
    Chat(usize),
    /// There is no such algorithm here.
    #[error("alg of entry {0} is HS256, EdDSA or RS256")]
    Algorithm(usize),
    /// HS256 goes with a secret, the others with a public key, or with the address of a set of them.
    #[error("entry {0}: HS256 goes with secret, EdDSA and RS256 with either key or jwks")]
    OtherKey(usize),
    /// Keys are not to be fetched from there.
    #[error("jwks of entry {0} is an https address without a user; http is for this machine itself alone")]
    Address(usize),
    /// A secret that could be guessed.
    #[error("secret of entry {0} has at least 32 bytes")]
    Secret(usize),
    /// A key that cannot be read.
    #[error("key of entry {0} is a public key of its algorithm in PEM (BEGIN PUBLIC KEY), with \\n between its lines")]
    Key(usize),
    /// A pair that belongs to the blog alone.
    #[error("key of entry {0} is a private key: give the public one, and treat this one as known to others")]
    Private(usize),
    /// A key that could be computed.
    #[error("the RSA key of entry {0} has 2048 to 8192 bits")]
    Weak(usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    iss: String,
    aud: String,
    alg: String,
    secret: Option<String>,
    key: Option<String>,
    jwks: Option<String>,
}

/// Whether a text can name a blog, or somebody there.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | ':' | '[' | ']');
    !host.is_empty() && host.chars().all(is_plain)
}

impl Sites {
    /// Reads the setting.
    ///
    /// # Errors
    /// See [`WrongSites`].
    pub fn parse(text: &str) -> Result<Self, WrongSites> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let entries: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|_| WrongSites::NotAList)?;
        if entries.len() > SITES_MAX {
            return Err(WrongSites::TooMany);
        }
        let mut sites: Vec<Site> = Vec::with_capacity(entries.len());
        for (n, entry) in (1..).zip(entries) {
            let entry: Entry = serde_json::from_value(entry).map_err(|_| WrongSites::Fields(n))?;
            if sites.iter().any(|site| site.name == entry.iss) {
                return Err(WrongSites::Twice(n));
            }
            sites.push(site(entry, n)?);
        }
        Ok(Self(sites.into()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sets that are to be fetched.
    pub fn key_sets(&self) -> Vec<KeySet> {
        let set = |site: &Site| if let SiteKey::Set(set) = &site.key { Some(set.clone()) } else { None };
        self.0.iter().filter_map(set).collect()
    }

    /// The blog of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Site> {
        self.0.iter().find(|site| site.name == name)
    }
}

fn site(entry: Entry, n: usize) -> Result<Site, WrongSites> {
    let Entry { iss, aud, alg, secret, key, jwks } = entry;
    if !is_name(&iss) {
        return Err(WrongSites::Name(n));
    }
    if !is_origin(&aud) {
        return Err(WrongSites::Chat(n));
    }
    if let Some(url) = jwks {
        let algorithm = match (&*alg, secret, key) {
            ("EdDSA", None, None) => SetAlgorithm::Ed25519,
            ("RS256", None, None) => SetAlgorithm::Rsa,
            ("HS256" | "EdDSA" | "RS256", ..) => return Err(WrongSites::OtherKey(n)),
            _ => return Err(WrongSites::Algorithm(n)),
        };
        if !is_address(&url) {
            return Err(WrongSites::Address(n));
        }
        return Ok(Site { name: iss, chat: aud, key: SiteKey::Set(KeySet::new(url, algorithm)) });
    }
    let key = match (&*alg, secret, key) {
        ("HS256", Some(secret), None) if secret.len() >= SECRET_BYTES_MIN => {
            SiteKey::Secret(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
        }
        ("HS256", Some(_), None) => return Err(WrongSites::Secret(n)),
        ("EdDSA", None, Some(pem)) => SiteKey::Public(PublicKey::ed25519(&pem).map_err(|why| wrong(why, n))?),
        ("RS256", None, Some(pem)) => SiteKey::Public(PublicKey::rsa(&pem).map_err(|why| wrong(why, n))?),
        ("HS256" | "EdDSA" | "RS256", ..) => return Err(WrongSites::OtherKey(n)),
        _ => return Err(WrongSites::Algorithm(n)),
    };
    Ok(Site { name: iss, chat: aud, key })
}

fn wrong(why: WrongKey, n: usize) -> WrongSites {
    match why {
        WrongKey::Private => WrongSites::Private(n),
        WrongKey::Weak => WrongSites::Weak(n),
        WrongKey::NoKey => WrongSites::Key(n),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::public_key::tests::{ED25519_PEM, RSA_1024_PEM, RSA_PEM};

    fn with(changes: Value) -> Value {
        let mut entry = json!({"iss": "https://blog.example", "aud": "https://chat.example", "alg": "HS256",
            "secret": "0123456789abcdef0123456789abcdef"});
        for (name, value) in changes.as_object().expect("an object") {
            if value.is_null() {
                entry.as_object_mut().expect("an object").remove(name);
            } else {
                entry[name] = value.clone();
            }
        }
        entry
    }

    fn parse(entries: Value) -> Result<Sites, WrongSites> {
        Sites::parse(&entries.to_string())
    }

    #[test]
    fn blogs_are_read_with_the_key_and_the_algorithm_of_each() {
        let key = |alg: &str, key: &str| json!({"iss": alg, "alg": alg, "key": key, "secret": null});
        let sites = parse(json!([with(json!({})), with(key("EdDSA", ED25519_PEM)), with(key("RS256", RSA_PEM))]));
        let sites = sites.expect("they are good");
        for (name, alg) in [("https://blog.example", "HS256"), ("EdDSA", "EdDSA"), ("RS256", "RS256")] {
            assert_eq!(sites.named(name).map(|site| site.key.algorithm()), Some(alg));
        }
        assert!(sites.named("https://other.example").is_none() && sites.key_sets().is_empty());
        let set = json!({"alg": "EdDSA", "secret": null, "jwks": "https://blog.example/jwks"});
        let with_set = parse(json!([with(set)])).expect("it is good");
        assert_eq!(with_set.key_sets().iter().map(KeySet::url).collect::<Vec<_>>(), ["https://blog.example/jwks"]);
        assert_eq!(with_set.named("https://blog.example").map(|site| site.key.algorithm()), Some("EdDSA"));
        assert_eq!(format!("{sites:?}"), r#"["https://blog.example", "EdDSA", "RS256"]"#, "no key is printed");
        assert!(["", "  ", "[]"].into_iter().all(|text| Sites::parse(text).is_ok_and(|sites| sites.is_empty())));
    }

    #[test]
    fn what_is_wrong_is_said_of_the_entry_and_without_a_key() {
        let secret = "SECRET-SECRET-SECRET-SECRET-SECRET";
        let pem = |alg: &str, key: &str| json!({"alg": alg, "key": key, "secret": null});
        for (changes, expected) in [
            (json!({"iss": ""}), WrongSites::Name(1)),
            (json!({"iss": "a\u{0}"}), WrongSites::Name(1)),
            (json!({"iss": "a".repeat(256)}), WrongSites::Name(1)),
            (json!({"iss": null}), WrongSites::Fields(1)),
            (json!({"aud": null}), WrongSites::Fields(1)),
            (json!({"secret": 7}), WrongSites::Fields(1)),
            (json!({"jwks": "https://blog.example/jwks"}), WrongSites::OtherKey(1)),
            (json!({"jwks": "https://blog.example/jwks", "secret": null}), WrongSites::OtherKey(1)),
            (
                json!({"jwks": "https://a.example/jwks", "alg": "RS256", "key": RSA_PEM, "secret": null}),
                WrongSites::OtherKey(1),
            ),
            (json!({"jwks": "http://a.example/jwks", "alg": "RS256", "secret": null}), WrongSites::Address(1)),
            (json!({"jwks": "https://a.example/jwks", "alg": "ES256", "secret": null}), WrongSites::Algorithm(1)),
            (json!({"jku": "https://blog.example/jwks"}), WrongSites::Fields(1)),
            (json!({"aud": "chat.example"}), WrongSites::Chat(1)),
            (json!({"aud": "https://chat.example/"}), WrongSites::Chat(1)),
            (json!({"aud": "https://Chat.example"}), WrongSites::Chat(1)),
            (json!({"aud": "https://"}), WrongSites::Chat(1)),
            (json!({"alg": "none"}), WrongSites::Algorithm(1)),
            (json!({"alg": "hs256"}), WrongSites::Algorithm(1)),
            (json!({"alg": "HS512"}), WrongSites::Algorithm(1)),
            (json!({"alg": "RS256"}), WrongSites::OtherKey(1)),
            (json!({"key": RSA_PEM}), WrongSites::OtherKey(1)),
            (json!({"secret": null}), WrongSites::OtherKey(1)),
            (json!({"secret": "0123456789abcdef0123456789abcde"}), WrongSites::Secret(1)),
            (pem("RS256", ED25519_PEM), WrongSites::Key(1)),
            (pem("EdDSA", RSA_PEM), WrongSites::Key(1)),
            (pem("RS256", RSA_1024_PEM), WrongSites::Weak(1)),
            (pem("EdDSA", secret), WrongSites::Key(1)),
            (pem("EdDSA", &format!("-----BEGIN PRIVATE KEY-----\n{secret}\n")), WrongSites::Private(1)),
        ] {
            let found = parse(json!([with(changes.clone())])).map(|_| ());
            assert_eq!(found, Err(expected), "{changes}");
            assert!(!expected.to_string().contains("SECRET"), "{expected}");
        }
        assert_eq!(parse(json!([with(json!({})), with(json!({}))])).map(|_| ()), Err(WrongSites::Twice(2)));
        let many: Vec<_> = (0..101).map(|n| with(json!({"iss": n.to_string()}))).collect();
        assert_eq!(parse(json!(many)).map(|_| ()), Err(WrongSites::TooMany));
        for text in ["{}", "[", secret, "null", "[1]"] {
            let why = Sites::parse(text).map(|_| ()).expect_err("it is none");
            assert!(!why.to_string().contains("SECRET"), "{why}");
        }
    }
}
