use std::net::{IpAddr, SocketAddr};

use hyper::{Request, header};
use url::{Host, Url};

use super::address::Reachable;
use crate::https_client::{HttpsClient, NotAnswered};

/// As long as an address may be, as its column.
const URL_CHARS_MAX: usize = 2_000;

/// Sends what webhooks are told. Each connection goes to an address that was looked at, whatever the name says a moment
/// later.
pub struct Client {
    reachable: Reachable,
    https: HttpsClient,
}

/// Where a webhook goes, as somebody typed it; `None` where it can go nowhere.
pub fn target(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|url| url.as_str().chars().count() <= URL_CHARS_MAX)?;
    let is_fine = ["https", "http"].contains(&url.scheme())
        && url.host().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    is_fine.then_some(url)
}

impl Client {
    pub fn new(reachable: Reachable) -> Self {
        Self { reachable, https: HttpsClient::default() }
    }

    /// Whether the host of an address, where it is given by number, is one that webhooks go to.
    pub fn may_go(&self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(address)) => self.reachable.has(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => self.reachable.has(IpAddr::V6(address)),
            Some(Host::Domain(_)) => true,
            None => false,
        }
    }

    /// Posts JSON with these headers; what status was answered. What is answered besides is read, so that a receiver sees
    /// that it was, and forgotten.
    ///
    /// # Errors
    /// Where none was.
    pub async fn post(
        &self,
        url: &Url,
        headers: [(&'static str, String); 3],
        body: String,
    ) -> Result<u16, NotAnswered> {
        let request = Request::post("/").header(header::CONTENT_TYPE, "application/json");
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        Ok(self.https.send(url, |found| self.address(url, found), request, body).await?.status)
    }

    /// The address that a connection goes to. Where any of a name's addresses is none for webhooks, none is.
    fn address(&self, url: &Url, found: &[SocketAddr]) -> Result<SocketAddr, NotAnswered> {
        if !found.iter().all(|address| self.reachable.has(address.ip())) {
            return Err(NotAnswered::Address);
        }
        // Those of IPv4 first: not every network has the other.
        let first = found.iter().find(|address| address.is_ipv4()).or(found.first()).ok_or(NotAnswered::Address)?;
        if url.scheme() == "http" && !self.reachable.is_named(first.ip()) {
            return Err(NotAnswered::Plain);
        }
        Ok(*first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::https_client::addresses;

    #[test]
    fn only_whole_addresses_of_the_web_are_targets() {
        for text in ["https://example.com/hook?a=b", "http://127.0.0.1:9000/", "https://[2606:4700::1]/"] {
            assert!(target(text).is_some(), "{text}");
        }
        for text in [
            "",
            "example.com",
            "ftp://example.com/",
            "file:///etc/passwd",
            "https://user@example.com/",
            "https://user:password@example.com/",
            "https://example.com/#part",
            "https:///",
            "javascript:alert(1)",
        ] {
            assert_eq!(target(text), None, "{text}");
        }
        assert_eq!(target(&format!("https://example.com/{}", "a".repeat(2_000))), None);
    }

    #[test]
    fn numbers_in_disguise_are_numbers() {
        let client = Client::new(Reachable::default());
        for text in ["http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://017700000001/", "http://[::1]/"] {
            let url = target(text).expect("an address");
            assert!(!client.may_go(&url), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_refused() {
        let client = Client::new(Reachable::default());
        let url = target("https://localhost:1/").expect("an address");
        let found = addresses(&url).await.expect("this machine");
        assert_eq!(client.address(&url, &found), Err(NotAnswered::Address));
        let home = Reachable::with(vec!["127.0.0.0/8".parse().expect("a network"), "::1/128".parse().expect("one")]);
        assert!(Client::new(home).address(&url, &found).is_ok());
        let plain = target("http://1.1.1.1/").expect("an address");
        let found = addresses(&plain).await.expect("a number");
        assert_eq!(client.address(&plain, &found), Err(NotAnswered::Plain));
    }
}
