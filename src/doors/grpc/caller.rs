use std::{net::IpAddr, time::Duration};

use hyper::HeaderMap;
use uuid::Uuid;

use crate::{
    doors::error::DoorError,
    http::{ANONYMOUS_ID, TrustedProxies, address_behind},
    session::refusal,
};
use chat_wire::ErrorCode;

/// Who calls, as the metadata of a call says it.
// Not Debug: what proves who somebody is has no place in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Caller {
    /// From where.
    pub address: IpAddr,
    /// What proves an account, a user of a blog, or a program.
    pub token: Option<String>,
    /// The secret of somebody without one.
    pub anonymous_id: Option<Uuid>,
}

/// Where a call comes from, where proxies stand in front.
pub fn address_of(peer: IpAddr, metadata: &HeaderMap, trusted: &TrustedProxies) -> IpAddr {
    let lines = metadata.get_all("x-forwarded-for").iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    address_behind(peer.to_canonical(), &lines.collect::<Vec<_>>(), trusted)
}

impl Caller {
    /// Who calls from this address.
    ///
    /// # Errors
    /// Where the metadata say something that proves nobody.
    pub fn of(address: IpAddr, metadata: &HeaderMap) -> Result<Self, DoorError> {
        let token = match one(metadata, "authorization")? {
            None => None,
            Some(value) => {
                let (scheme, token) = value.split_once(' ').unwrap_or_default();
                let token = token.trim();
                if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
                    return Err(refusal(ErrorCode::BadToken, "the metadata authorization is Bearer and a token").into());
                }
                Some(token.to_owned())
            }
        };
        let secret = one(metadata, ANONYMOUS_ID)?.map(Uuid::try_parse).transpose();
        let anonymous_id =
            secret.map_err(|_| refusal(ErrorCode::BadRequest, "the metadata x-anonymous-id is one UUID"))?;
        Ok(Self { address, token, anonymous_id })
    }
}

/// What the metadata have under this name, which they have once at most.
fn one<'a>(metadata: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, DoorError> {
    let mut values = metadata.get_all(name).iter();
    match (values.next().map(|value| value.to_str()), values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        _ => Err(refusal(ErrorCode::BadRequest, "each of the metadata that are read is given once, as text").into()),
    }
}

/// How long the caller waits, by its `grpc-timeout`: at most eight digits, and a unit.
///
/// # Errors
/// Where it is something else.
pub fn timeout_of(metadata: &HeaderMap) -> Result<Option<Duration>, DoorError> {
    let bad = || refusal(ErrorCode::BadRequest, "grpc-timeout is one to eight digits, and one of H, M, S, m, u and n");
    let Some(text) = one(metadata, "grpc-timeout")? else { return Ok(None) };
    let mut digits = text.to_owned();
    let unit = digits.pop();
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad().into());
    }
    let n: u64 = digits.parse().map_err(|_| bad())?;
    Ok(Some(match unit {
        Some('H') => Duration::from_secs(n * 3_600),
        Some('M') => Duration::from_secs(n * 60),
        Some('S') => Duration::from_secs(n),
        Some('m') => Duration::from_millis(n),
        Some('u') => Duration::from_micros(n),
        Some('n') => Duration::from_nanos(n),
        _ => return Err(bad().into()),
    }))
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn metadata(lines: &[(&'static str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn who_calls_is_in_the_metadata() {
        let address = IpAddr::from([127, 0, 0, 1]);
        let id = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
        let caller = |lines: &[(&'static str, &str)]| Caller::of(address, &metadata(lines)).ok();
        let expected = |token: Option<&str>, id: Option<&str>| {
            let anonymous_id = id.map(|id| Uuid::try_parse(id).expect("a UUID"));
            Some(Caller { address, token: token.map(str::to_owned), anonymous_id })
        };
        assert!(caller(&[]) == expected(None, None));
        assert!(caller(&[("authorization", "bearer  a.b")]) == expected(Some("a.b"), None));
        assert!(caller(&[("x-anonymous-id", id)]) == expected(None, Some(id)));
        assert!(caller(&[("authorization", "Bearer x"), ("x-anonymous-id", id)]) == expected(Some("x"), Some(id)));
        for bad in [
            &[("authorization", "Basic eDp5")][..],
            &[("authorization", "Bearer ")],
            &[("authorization", "")],
            &[("authorization", "Bearer a"), ("authorization", "Bearer b")],
            &[("x-anonymous-id", "me")],
            &[("x-anonymous-id", id), ("x-anonymous-id", id)],
        ] {
            assert!(caller(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_deadline_is_a_number_and_a_unit() {
        let timeout = |text: &str| timeout_of(&metadata(&[("grpc-timeout", text)])).ok().flatten();
        for (text, expected) in [
            ("1H", Some(Duration::from_secs(3_600))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3_600))),
            ("2M", Some(Duration::from_secs(120))),
            ("0S", Some(Duration::ZERO)),
            ("250m", Some(Duration::from_millis(250))),
            ("7u", Some(Duration::from_micros(7))),
            ("7n", Some(Duration::from_nanos(7))),
            ("", None),
            ("S", None),
            ("5", None),
            ("-5S", None),
            ("+5S", None),
            ("1.5S", None),
            ("123456789S", None),
            ("5s", None),
        ] {
            assert_eq!(timeout(text), expected, "{text}");
        }
        assert_eq!(timeout_of(&HeaderMap::new()).ok(), Some(None));
    }

    #[test]
    fn a_proxy_says_for_whom_it_calls_where_it_is_trusted() {
        let trusted = |networks: &[&str]| TrustedProxies {
            networks: networks.iter().map(|n| n.parse().expect("a network")).collect(),
            n_hops_max: None,
        };
        let (peer, lines) = (IpAddr::from([10, 0, 0, 1]), metadata(&[("x-forwarded-for", "198.51.100.7")]));
        assert_eq!(address_of(peer, &lines, &trusted(&[])), peer);
        assert_eq!(address_of(peer, &lines, &trusted(&["10.0.0.0/8"])), IpAddr::from([198, 51, 100, 7]));
    }
}
