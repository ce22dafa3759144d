//! Keys that a blog publishes at an address (JWKS, RFC 7517). Fetching them is the server's; here is what they are, and which
//! of them a token was signed with.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use url::{Host, Url};

use super::public_key::PublicKey;

/// Of so many keys the first are taken: while a blog changes its key it has two.
const KEYS_MAX: usize = 16;
/// Longer is no name of a key.
const KID_BYTES_MAX: usize = 255;

/// The algorithm that all keys of a set are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetAlgorithm {
    /// EdDSA with Ed25519.
    Ed25519,
    /// RS256.
    Rsa,
}

/// What was fetched is of no use: the keys of before stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongSet {
    /// It cannot be read.
    #[error(r#"it is no key set: {{"keys": [...]}}"#)]
    NoSet,
    /// It has keys for something else, if any.
    #[error("it has no key of the algorithm that CHAT_SITES names")]
    NoKey,
}

/// Which key of a set signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignedBy {
    /// One of them.
    Key,
    /// None.
    Nobody,
    /// A key that is not known here, and that the blog may have published since.
    Unknown,
}

struct Key {
    kid: Option<String>,
    key: PublicKey,
}

struct Inner {
    url: String,
    algorithm: SetAlgorithm,
    keys: RwLock<Arc<[Key]>>,
    /// Whether there may be others at the address by now.
    may_be_old: AtomicBool,
}

/// The keys of a blog as they were fetched last. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct KeySet(Arc<Inner>);

#[derive(Deserialize)]
struct Fetched {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    x: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

/// Whether keys may be fetched from there: encrypted, or from this machine itself.
pub(crate) fn is_address(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_near = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => return false,
    };
    let is_kept_secret = url.scheme() == "https" || (url.scheme() == "http" && is_near);
    is_kept_secret && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
}

fn key_of(jwk: serde_json::Value, algorithm: SetAlgorithm) -> Option<Key> {
    let Jwk { kty, crv, usage, alg, kid, x, n, e } = serde_json::from_value(jwk).ok()?;
    let bytes = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
    if usage.is_some_and(|usage| usage != "sig") || kid.as_ref().is_some_and(|kid| kid.len() > KID_BYTES_MAX) {
        return None;
    }
    let (name, key) = match (algorithm, &*kty, crv.as_deref()) {
        (SetAlgorithm::Ed25519, "OKP", Some("Ed25519")) => ("EdDSA", PublicKey::ed25519_of(&bytes(x)?).ok()?),
        (SetAlgorithm::Rsa, "RSA", _) => ("RS256", PublicKey::rsa_of(&bytes(n)?, &bytes(e)?).ok()?),
        _ => return None,
    };
    alg.is_none_or(|alg| alg == name).then_some(Key { kid, key })
}

impl KeySet {
    pub(crate) fn new(url: String, algorithm: SetAlgorithm) -> Self {
        let keys = RwLock::new(Arc::default());
        Self(Arc::new(Inner { url, algorithm, keys, may_be_old: AtomicBool::new(true) }))
    }

    /// Where they are.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    pub(crate) fn algorithm(&self) -> SetAlgorithm {
        self.0.algorithm
    }

    fn keys(&self) -> Arc<[Key]> {
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes what was fetched in the place of what was there; how many keys that are. They are the newest for now.
    ///
    /// # Errors
    /// [`WrongSet`]; then those of before stay.
    pub fn take(&self, body: &[u8]) -> Result<usize, WrongSet> {
        let Fetched { keys } = serde_json::from_slice(body).map_err(|_| WrongSet::NoSet)?;
        let keys = keys.into_iter().filter_map(|key| key_of(key, self.0.algorithm));
        let keys: Arc<[Key]> = keys.take(KEYS_MAX).collect();
        if keys.is_empty() {
            return Err(WrongSet::NoKey);
        }
        let n_keys = keys.len();
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        self.0.may_be_old.store(false, Ordering::Relaxed);
        Ok(n_keys)
    }

    /// Some time has passed: the blog may have published others since.
    pub fn grows_old(&self) {
        self.0.may_be_old.store(true, Ordering::Relaxed);
    }

    /// Which of them has signed this. `kid` chooses among the blog's own keys alone; without it any of them will do.
    pub(crate) fn signed_by(&self, kid: Option<&str>, message: &[u8], signature: &[u8]) -> SignedBy {
        let keys = self.keys();
        let named = |key: &&Key| kid.is_none() || key.kid.as_deref() == kid;
        let mut n_named = 0_usize;
        for Key { key, .. } in keys.iter().filter(named) {
            n_named = n_named.saturating_add(1);
            if key.has_signed(message, signature) {
                return SignedBy::Key;
            }
        }
        let may_be_new = n_named == 0 && self.0.may_be_old.load(Ordering::Relaxed);
        if may_be_new { SignedBy::Unknown } else { SignedBy::Nobody }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::{
        rand::SystemRandom,
        signature::{Ed25519KeyPair, KeyPair},
    };
    use serde_json::{Value, json};

    use super::*;

    fn pair() -> Ed25519KeyPair {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key")
    }

    fn jwk(pair: &Ed25519KeyPair, kid: &str) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "alg": "EdDSA",
            "x": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref())})
    }

    fn set() -> KeySet {
        KeySet::new("https://blog.example/jwks".into(), SetAlgorithm::Ed25519)
    }

    fn body(keys: &[Value]) -> Vec<u8> {
        json!({"keys": keys, "more": 1}).to_string().into_bytes()
    }

    #[test]
    fn a_key_is_chosen_by_its_name_and_one_that_is_not_there_yet_is_unknown() {
        let (set, [old, new, other]) = (set(), [pair(), pair(), pair()]);
        let signed = |by: &Ed25519KeyPair, kid| set.signed_by(kid, b"message", by.sign(b"message").as_ref());
        assert_eq!(signed(&old, None), SignedBy::Unknown, "nothing was fetched yet");
        assert_eq!(set.take(&body(&[jwk(&old, "old")])), Ok(1));
        assert_eq!((signed(&old, Some("old")), signed(&old, None)), (SignedBy::Key, SignedBy::Key));
        assert_eq!((signed(&other, Some("old")), signed(&other, None)), (SignedBy::Nobody, SignedBy::Nobody));
        assert_eq!(signed(&new, Some("new")), SignedBy::Nobody, "it was fetched a moment ago");
        set.grows_old();
        assert_eq!((signed(&new, Some("new")), signed(&new, None)), (SignedBy::Unknown, SignedBy::Nobody));
        assert_eq!(set.take(&body(&[jwk(&old, "old"), jwk(&new, "new")])), Ok(2));
        assert_eq!((signed(&new, Some("new")), signed(&old, Some("old"))), (SignedBy::Key, SignedBy::Key));
        assert_eq!(signed(&new, Some("old")), SignedBy::Nobody, "its name is another one's");
        assert_eq!(set.take(&body(&[jwk(&new, "new")])), Ok(1));
        assert_eq!((signed(&old, Some("old")), signed(&old, None)), (SignedBy::Nobody, SignedBy::Nobody), "taken back");
        // What is of no use changes nothing.
        for wrong in [&b""[..], b"{}", b"[]", b"{\"keys\": {}}", &[0xff]] {
            assert_eq!(set.take(wrong), Err(WrongSet::NoSet));
        }
        for key in [
            json!({}),
            json!(7),
            json!({"kty": "oct", "k": "c2VjcmV0"}),
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
            json!({"kty": "OKP", "crv": "X25519", "x": URL_SAFE_NO_PAD.encode([1; 32])}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([1; 31])}),
            json!({"kty": "OKP", "crv": "Ed25519", "use": "enc", "x": URL_SAFE_NO_PAD.encode([1; 32])}),
            json!({"kty": "OKP", "crv": "Ed25519", "alg": "ES256", "x": URL_SAFE_NO_PAD.encode([1; 32])}),
        ] {
            assert_eq!(set.take(&body(std::slice::from_ref(&key))), Err(WrongSet::NoKey), "{key}");
        }
        assert_eq!(signed(&new, Some("new")), SignedBy::Key);
        let many: Vec<_> = (0..40).map(|n| jwk(&new, &n.to_string())).collect();
        assert_eq!(set.take(&body(&many)), Ok(KEYS_MAX));
    }

    #[test]
    fn keys_are_fetched_encrypted_or_from_this_machine() {
        for (address, is_one) in [
            ("https://blog.example/jwks.json", true),
            ("https://10.0.0.1:8443/.well-known/jwks.json?a=b", true),
            ("http://localhost:3000/jwks", true),
            ("http://127.0.0.1/jwks", true),
            ("http://[::1]:3000/jwks", true),
            ("http://blog.example/jwks", false),
            ("http://localhost.example/jwks", false),
            ("https://user:secret@blog.example/jwks", false),
            ("https://blog.example/jwks#part", false),
            ("file:///etc/passwd", false),
            ("ftp://blog.example/jwks", false),
            ("blog.example/jwks", false),
            ("", false),
        ] {
            assert_eq!(is_address(address), is_one, "{address}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..200), n in ".{0,30}", e in ".{0,30}") {
            let rsa = KeySet::new(String::new(), SetAlgorithm::Rsa);
            prop_assert!(rsa.take(&bytes).is_err());
            let _ = rsa.take(&body(&[json!({"kty": "RSA", "n": n, "e": e})]));
            let _ = rsa.take(&body(&[json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(&bytes), "e": "AQAB"})]));
        }
    }
}
