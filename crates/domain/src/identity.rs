use std::{fmt, net::IpAddr, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use super::{NetworkKey, UserId};

/// The secret that a browser proves its identity with (ID-1). Lives only as long as a JOIN is handled: it is never
/// stored, logged or sent to anybody, so it has no `Display` and its `Debug` shows nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AnonymousId(Uuid);

impl AnonymousId {
    /// Wraps a UUID that a client sent.
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Debug for AnonymousId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnonymousId(secret)")
    }
}

/// The public id of an identity: 128 bits as 22 characters of base64url. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AuthorId(Arc<str>);

impl AuthorId {
    /// An id as the store has it: it was derived when it was first used.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// Reads an id as a client names it; `None` where no id can look like that.
    pub fn parse(text: &str) -> Option<Self> {
        let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        ((1..=64).contains(&text.len()) && text.bytes().all(is_base64url)).then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The server-side key that public ids are derived with.
#[derive(Clone)]
pub struct IdentityKey(Hmac<Sha256>);

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey(secret)")
    }
}

impl IdentityKey {
    /// Makes the key from secret bytes of any length (RFC 2104).
    pub fn new(secret: &[u8]) -> Self {
        let mac = Hmac::new_from_slice(secret);
        // RFC 2104 keys may have any length, so the error case does not exist; an empty key stands in for it.
        Self(mac.unwrap_or_else(|_| Hmac::new(&Default::default())))
    }

    /// HMAC-SHA256 of the canonical (lower-case, hyphenated) text of the id, cut to 128 bits.
    pub fn author_id(&self, anonymous: AnonymousId) -> AuthorId {
        self.public_id(anonymous.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }

    /// The public id of an account. Derived as those of browsers are; the word before keeps it from ever being one.
    pub fn user_author_id(&self, user: UserId) -> AuthorId {
        self.public_id(&format!("user {user}"))
    }

    /// The public id of one of a blog's own users: of what the blog calls itself, and what it calls them. Known before the
    /// database is asked, and the same on every server.
    pub fn verified_author_id(&self, site: &str, subject: &str) -> AuthorId {
        // With the length in front no two pairs are one text.
        self.public_id(&format!("verified {} {site} {subject}", site.len()))
    }

    /// The public id of somebody who wrote in another system: of what that is called, and what it calls them. Nobody
    /// can tell from it what that was, so it may be a mail address.
    pub fn imported_author_id(&self, system: &str, who: &str) -> AuthorId {
        self.public_id(&format!("imported {} {system} {who}", system.len()))
    }

    fn public_id(&self, of: &str) -> AuthorId {
        let half: Vec<u8> = self.digest(of).into_iter().take(16).collect();
        AuthorId(URL_SAFE_NO_PAD.encode(half).into())
    }

    /// The network of a visitor: their address, of IPv6 the /64, within which one household moves.
    pub fn network(&self, address: IpAddr) -> NetworkKey {
        let network = match address.to_canonical() {
            IpAddr::V4(address) => format!("network {address}"),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("network {a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        };
        let mut first = [0; 8];
        first.iter_mut().zip(self.digest(&network)).for_each(|(to, from)| *to = from);
        first.into()
    }

    /// A secret that was given out, as it is kept: whoever reads the database cannot use it. 64 hexadecimal digits.
    pub fn hash_of(&self, secret: &str) -> String {
        self.digest(&format!("secret {secret}")).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Bytes that nobody without the key can tell, for one purpose: never those of another.
    pub fn derived(&self, purpose: &str, of: &str) -> [u8; 32] {
        let mut bytes = [0; 32];
        let digest = self.digest(&format!("derived {purpose} {of}"));
        bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        bytes
    }

    fn digest(&self, of: &str) -> Vec<u8> {
        let mut mac = self.0.clone();
        mac.update(of.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_id_is_stable_public_and_depends_on_the_key() {
        let id: Uuid = "6F9619FF-8B86-4D01-B42D-00CF4FC964FF".parse().expect("a UUID");
        let of = |key: &[u8]| IdentityKey::new(key).author_id(AnonymousId::new(id)).as_str().to_owned();
        // printf 6f9619ff-8b86-4d01-b42d-00cf4fc964ff | openssl dgst -sha256 -hmac secret -binary | head -c16 | basenc --base64url
        assert_eq!(of(b"secret"), EXPECTED);
        assert_ne!(of(b"secret"), of(b"other"));
        assert!(!format!("{:?}", AnonymousId::new(id)).contains("6f96"));
    }

    #[test]
    fn a_network_is_one_address_or_a_household_and_depends_on_the_key() {
        let key = IdentityKey::new(b"secret");
        let of = |address: &str| key.network(address.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), IdentityKey::new(b"other").network("192.0.2.1".parse().expect("an address")));
        assert_eq!(NetworkKey::from_stored(of("192.0.2.1").stored()), of("192.0.2.1"));
    }

    #[test]
    fn an_account_has_another_id_than_a_browser() {
        let key = IdentityKey::new(b"secret");
        let id = Uuid::from_u128(7);
        assert_ne!(key.user_author_id(UserId::from_uuid(id)), key.author_id(AnonymousId::new(id)));
        assert_eq!(key.user_author_id(UserId::from_uuid(id)).as_str().len(), 22);
    }

    #[test]
    fn a_blogs_user_has_the_id_of_that_blog_and_that_user() {
        let key = IdentityKey::new(b"secret");
        let ids = [("a", "b c"), ("a b", "c"), ("a", "b"), ("b", "a"), ("a 1", "b"), ("", "a")]
            .map(|(site, subject)| key.verified_author_id(site, subject).as_str().to_owned());
        let different: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len());
        assert_ne!(key.verified_author_id("a", "b"), IdentityKey::new(b"other").verified_author_id("a", "b"),);
    }

    const EXPECTED: &str = "Kk2Ljlvy_4guOHdt2GCr6g";
}
