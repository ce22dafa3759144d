//! Public keys as others write them: PEM (RFC 7468) of a SubjectPublicKeyInfo (RFC 5280, section 4.1), or of an RSA key alone
//! (PKCS #1). Only what `ring` checks signatures with is taken out of it.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

/// SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING of 32 bytes }: always the same in front of an Ed25519 key (RFC 8410).
const ED25519_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// SEQUENCE { OID 1.2.840.113549.1.1.1, NULL }: what says that a key is one of RSA (RFC 3279, section 2.3.1).
const RSA_ALGORITHM: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// Tags of DER.
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;
/// What `ring` takes.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;
/// The PEM of a key of 8,192 bits has about 1,500.
const PEM_BYTES_MAX: usize = 8_192;

/// Checks signatures of one algorithm.
pub(crate) enum PublicKey {
    /// EdDSA with Ed25519.
    Ed25519(UnparsedPublicKey<Vec<u8>>),
    /// RS256: RSASSA-PKCS1-v1_5 with SHA-256.
    Rsa(UnparsedPublicKey<Vec<u8>>),
}

/// Why something is no key that can be gone by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WrongKey {
    /// It is none of this algorithm.
    NoKey,
    /// It is the half that signs.
    Private,
    /// It is too short to be safe, or too long to be checked.
    Weak,
}

impl PublicKey {
    /// An Ed25519 key in PEM.
    pub(crate) fn ed25519(pem: &str) -> Result<Self, WrongKey> {
        let (_, der) = unwrapped(pem)?;
        let key = der.strip_prefix(&ED25519_HEAD).filter(|key| key.len() == 32).ok_or(WrongKey::NoKey)?;
        Ok(Self::Ed25519(UnparsedPublicKey::new(&ED25519, key.to_vec())))
    }

    /// An RSA key in PEM.
    pub(crate) fn rsa(pem: &str) -> Result<Self, WrongKey> {
        let (label, der) = unwrapped(pem)?;
        let key = if label == "RSA PUBLIC KEY" { Some(&*der) } else { rsa_in(&der) };
        let key = key.ok_or(WrongKey::NoKey)?;
        let n_bits = modulus_bits(key).ok_or(WrongKey::NoKey)?;
        if !RSA_BITS.contains(&n_bits) {
            return Err(WrongKey::Weak);
        }
        Ok(Self::Rsa(UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.to_vec())))
    }

    /// The 32 bytes of an Ed25519 key alone.
    pub(crate) fn ed25519_of(bytes: &[u8]) -> Result<Self, WrongKey> {
        if bytes.len() != 32 {
            return Err(WrongKey::NoKey);
        }
        Ok(Self::Ed25519(UnparsedPublicKey::new(&ED25519, bytes.to_vec())))
    }

    /// The two numbers of an RSA key, the highest byte first.
    pub(crate) fn rsa_of(modulus: &[u8], exponent: &[u8]) -> Result<Self, WrongKey> {
        let numbers = [der_number(modulus)?, der_number(exponent)?].concat();
        let key = der(SEQUENCE, &numbers)?;
        if !RSA_BITS.contains(&modulus_bits(&key).ok_or(WrongKey::NoKey)?) {
            return Err(WrongKey::Weak);
        }
        Ok(Self::Rsa(UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)))
    }

    /// Whether this was signed with its other half.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) | Self::Rsa(key) => key.verify(message, signature).is_ok(),
        }
    }
}

/// A value of DER with this tag. No key has more than 65,535 bytes.
fn der(tag: u8, content: &[u8]) -> Result<Vec<u8>, WrongKey> {
    let [high, low] = u16::try_from(content.len()).map_err(|_| WrongKey::NoKey)?.to_be_bytes();
    let head: &[u8] = match (high, low) {
        (0, 0..=0x7f) => &[tag, low],
        (0, _) => &[tag, 0x81, low],
        _ => &[tag, 0x82, high, low],
    };
    Ok([head, content].concat())
}

/// A number above zero: without zeros in front, but one where it would be taken for a negative one.
fn der_number(bytes: &[u8]) -> Result<Vec<u8>, WrongKey> {
    let n_zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = bytes.get(n_zeros..).filter(|digits| !digits.is_empty()).ok_or(WrongKey::NoKey)?;
    let sign: &[u8] = if digits.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    der(INTEGER, &[sign, digits].concat())
}

/// The label of a PEM text, and what is in it.
fn unwrapped(pem: &str) -> Result<(&str, Vec<u8>), WrongKey> {
    let pem = pem.trim();
    if pem.len() > PEM_BYTES_MAX {
        return Err(WrongKey::NoKey);
    }
    if pem.contains("PRIVATE KEY-----") {
        return Err(WrongKey::Private);
    }
    let inner = || {
        let (label, rest) = pem.strip_prefix("-----BEGIN ")?.split_once("-----")?;
        let (body, end) = rest.split_once("-----END ")?;
        let is_whole = end.strip_suffix("-----") == Some(label) && ["PUBLIC KEY", "RSA PUBLIC KEY"].contains(&label);
        let body: String = body.split_whitespace().collect();
        Some((label, STANDARD.decode(body).ok()?)).filter(|_| is_whole)
    };
    inner().ok_or(WrongKey::NoKey)
}

/// A value of DER with this tag, and what is behind it.
fn value(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk::<2>()?;
    let (n_bytes, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => rest.split_first().map(|(&n, rest)| (usize::from(n), rest))?,
        0x82 => rest.split_first_chunk::<2>().map(|(n, rest)| (usize::from(u16::from_be_bytes(*n)), rest))?,
        // No key is as long.
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(n_bytes)).flatten()
}

/// The RSA key in a SubjectPublicKeyInfo.
fn rsa_in(der: &[u8]) -> Option<&[u8]> {
    let (info, []) = value(SEQUENCE, der)? else { return None };
    let (bits, []) = value(BIT_STRING, info.strip_prefix(&RSA_ALGORITHM)?)? else { return None };
    // Whole bytes: none of the last one's bits is unused.
    bits.strip_prefix(&[0])
}

/// How long the modulus of an RSA key is.
fn modulus_bits(key: &[u8]) -> Option<usize> {
    let (key, []) = value(SEQUENCE, key)? else { return None };
    let (modulus, rest) = value(INTEGER, key)?;
    let (_, []) = value(INTEGER, rest)? else { return None };
    let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    let zeros = usize::try_from(modulus.first()?.leading_zeros()).ok()?;
    modulus.len().checked_mul(8)?.checked_sub(zeros)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    // Made with openssl; what signs with them was thrown away.
    pub(crate) const ED25519_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA852ffzaqGylW82FG/9PqkS/PHmtlFR/2d3HEyb+8mLQ=\n-----END PUBLIC KEY-----";
    pub(crate) const RSA_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwKbXjnmN5Pslu6CWdiWX\nrxGuBx/8zeL/gQDDJb06Ztiqqpogni4yR2FI8y8awozUyw+yL+m0SsGrW9I8xSN3\nmbc+KhMBA0tBD4N77wjE76wfTB44OSMvqR44KVbET7iBaoinF61UhKDYrDu40zlN\nORT197WHeyVKoxVsNEhZKw3ubzsjrxQCrJS0GM/wsywNGSZcrpNPzrraSFb5e0+/\nCCahTcMwLmQv7T0IZ2lCLF7Alo+JeuldX+a3xXf/xiG79ytR7q1IZ09pe+cBCgOM\n9wmwi1Ws55JKkUBaCYF1YJmJt+R3Blbdrfn5/wR/+cdEUT8r95nej3OGy9nwIpZc\nFwIDAQAB\n-----END PUBLIC KEY-----";
    pub(crate) const RSA_1024_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDA5CNoc2GiFQ1R20GuPDZsFh1s\nUjub9nafdbUF1286hwBkU6qBUmWQwAiYuqhCPR9l+ksLizYp5/YPMhKEK8P7bVUw\nDC2YYwlOXRJpztqxSeTjDhHbYHXdo8lbPUbOv5r+sap9Nh5hBCriVL1sIHxvTdhc\nHQoNqqqCpOTdCYcIZQIDAQAB\n-----END PUBLIC KEY-----";
    const RSA_PKCS1_PEM: &str = "-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKCAQEAwKbXjnmN5Pslu6CWdiWXrxGuBx/8zeL/gQDDJb06Ztiqqpogni4y\nR2FI8y8awozUyw+yL+m0SsGrW9I8xSN3mbc+KhMBA0tBD4N77wjE76wfTB44OSMv\nqR44KVbET7iBaoinF61UhKDYrDu40zlNORT197WHeyVKoxVsNEhZKw3ubzsjrxQC\nrJS0GM/wsywNGSZcrpNPzrraSFb5e0+/CCahTcMwLmQv7T0IZ2lCLF7Alo+Jeuld\nX+a3xXf/xiG79ytR7q1IZ09pe+cBCgOM9wmwi1Ws55JKkUBaCYF1YJmJt+R3Blbd\nrfn5/wR/+cdEUT8r95nej3OGy9nwIpZcFwIDAQAB\n-----END RSA PUBLIC KEY-----";

    fn kind(key: Result<PublicKey, WrongKey>) -> Result<&'static str, WrongKey> {
        key.map(|key| if matches!(key, PublicKey::Rsa(_)) { "rsa" } else { "ed25519" })
    }

    #[test]
    fn keys_are_read_as_openssl_writes_them() {
        assert_eq!(kind(PublicKey::ed25519(ED25519_PEM)), Ok("ed25519"));
        assert_eq!(kind(PublicKey::ed25519(&ED25519_PEM.replace('\n', "\r\n"))), Ok("ed25519"));
        for pem in [RSA_PEM, RSA_PKCS1_PEM] {
            assert_eq!(kind(PublicKey::rsa(pem)), Ok("rsa"));
        }
        assert_eq!(kind(PublicKey::rsa(RSA_1024_PEM)), Err(WrongKey::Weak));
        assert_eq!(kind(PublicKey::rsa(ED25519_PEM)), Err(WrongKey::NoKey));
        assert_eq!(kind(PublicKey::ed25519(RSA_PEM)), Err(WrongKey::NoKey));
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
            assert_eq!(kind(PublicKey::rsa(&RSA_PEM.replace("PUBLIC KEY", label))), Err(WrongKey::Private));
        }
        for pem in ["", "-----", "-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----"] {
            assert_eq!(kind(PublicKey::rsa(pem)), Err(WrongKey::NoKey), "{pem}");
        }
        assert_eq!(kind(PublicKey::rsa(&RSA_PEM.replace("END PUBLIC", "END RSA PUBLIC"))), Err(WrongKey::NoKey));
        assert_eq!(
            kind(PublicKey::rsa(&format!("{RSA_PEM}{}", " ".repeat(9_000)))),
            Ok("rsa"),
            "white space is none of it"
        );
        assert_eq!(kind(PublicKey::rsa(&RSA_PEM.replace('\n', &" ".repeat(9_000)))), Err(WrongKey::NoKey));
    }

    #[test]
    fn an_rsa_key_of_its_two_numbers_is_the_same_key() {
        let (_, der) = unwrapped(RSA_PEM).expect("a key");
        let key = rsa_in(&der).expect("an RSA key");
        let (numbers, _) = value(SEQUENCE, key).expect("two numbers");
        let (modulus, rest) = value(INTEGER, numbers).expect("the first");
        let (exponent, _) = value(INTEGER, rest).expect("the second");
        // As a JWK has them: without the zero in front.
        let made = PublicKey::rsa_of(&modulus[1..], exponent).expect("a key");
        let PublicKey::Rsa(made) = made else { panic!("an RSA key") };
        assert_eq!(made.as_ref(), key);
        assert_eq!(kind(PublicKey::rsa_of(&[1; 64], exponent)), Err(WrongKey::Weak));
        assert_eq!(kind(PublicKey::rsa_of(&[], exponent)), Err(WrongKey::NoKey));
        assert_eq!(kind(PublicKey::rsa_of(&modulus[1..], &[0, 0])), Err(WrongKey::NoKey));
        assert_eq!(kind(PublicKey::ed25519_of(&[7; 33])), Err(WrongKey::NoKey));
    }

    proptest! {
        /// Whatever is in a PEM, it is a key or none.
        #[test]
        fn no_bytes_make_it_fail(mut der in prop::collection::vec(any::<u8>(), 0..400), is_rsa in any::<bool>(), cut in 0_usize..400) {
            if is_rsa {
                let (_, rsa) = unwrapped(RSA_PEM).expect("a key");
                // A part of a key, and a key with other bytes in it.
                let n = cut.min(rsa.len());
                der = [&rsa[..n], &der[..]].concat();
            }
            let pem = |label: &str| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", STANDARD.encode(&der));
            for label in ["PUBLIC KEY", "RSA PUBLIC KEY"] {
                let _ = (PublicKey::ed25519(&pem(label)), PublicKey::rsa(&pem(label)));
            }
        }
    }
}
