//! Which room belongs to an address: the same rules as `static/embed.js` has, case for case; a test holds both to one
//! list. A visitor of the moved post must come to the room that its comments went to.

use std::sync::LazyLock;

use chat_domain::{ROOM_ID_CODE_POINTS_MAX, RoomId};
use regex::Regex;
use unicode_normalization::UnicodeNormalization;
use url::Url;

use crate::Page;

/// What of a page names its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RoomFrom {
    /// Its whole address, as `data-room-from="permalink"`.
    #[default]
    Permalink,
    /// Host and path, as `canonical`.
    Canonical,
    /// The path alone, as `pathname`.
    Pathname,
    /// The last part of the path.
    Slug,
    /// What the other system called the page, as `data-room` takes it.
    Identifier,
}

impl RoomFrom {
    /// All there are, with their names.
    pub const ALL: [(&'static str, Self); 5] = [
        ("permalink", Self::Permalink),
        ("canonical", Self::Canonical),
        ("pathname", Self::Pathname),
        ("slug", Self::Slug),
        ("identifier", Self::Identifier),
    ];

    /// The one of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, from)| from)
    }
}

/// How rooms are named.
#[derive(Debug, Clone, Default)]
pub struct RoomRule {
    /// By what.
    pub from: RoomFrom,
    /// What addresses without a host are of.
    pub site: Option<Url>,
}

/// Why a page has no room; one line for the report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// The address is none.
    #[error("{0:?} is no address of a page")]
    Address(String),
    /// The address has no host, and nobody said which one it is of.
    #[error("{0:?} is an address without a host: say --site https://…")]
    NoHost(String),
    /// The page has no such name.
    #[error("the page {0:?} has no identifier")]
    NoName(String),
    /// What comes of it can be no room.
    #[error("{0:?} can be no room")]
    NotARoom(String),
}

impl RoomRule {
    /// The page's room.
    ///
    /// # Errors
    /// [`NoRoom`] where there is none.
    pub fn room_of(&self, page: &Page) -> Result<RoomId, NoRoom> {
        let name = match self.from {
            RoomFrom::Identifier => {
                let name = page.identifier.as_deref().map(str::trim).filter(|name| !name.is_empty());
                as_data_room(name.ok_or_else(|| NoRoom::NoName(page.url.clone()))?)
            }
            RoomFrom::Slug => match page.slug.as_deref().filter(|slug| !slug.is_empty()) {
                Some(slug) => fit(&decoded(slug, "").unwrap_or_else(|| slug.to_owned())),
                None => {
                    let url = self.url_of(&page.url)?;
                    let path = trimmed(url.path());
                    let last = path.rsplit('/').next().unwrap_or_default();
                    fit(&decoded(last, "").unwrap_or_else(|| last.to_owned()))
                }
            },
            RoomFrom::Permalink => permalink(&self.url_of(&page.url)?),
            RoomFrom::Canonical => {
                let url = self.url_of(&page.url)?;
                fit(&format!("{}{}", host_of(&url), path_name(url.path())))
            }
            RoomFrom::Pathname => {
                let name = path_name(self.url_of(&page.url)?.path());
                fit(name.strip_prefix(':').unwrap_or(&name))
            }
        };
        RoomId::parse(&name).map_err(|_| NoRoom::NotARoom(name))
    }

    fn url_of(&self, address: &str) -> Result<Url, NoRoom> {
        let address = address.trim();
        let is_page = |url: &Url| matches!(url.scheme(), "http" | "https");
        match Url::parse(address) {
            Ok(url) if is_page(&url) => return Ok(url),
            Ok(_) => return Err(NoRoom::Address(address.to_owned())),
            Err(_) => {}
        }
        let site = match (&self.site, self.from) {
            (Some(site), _) => Some(site.clone()),
            // Of these the host is no part.
            (None, RoomFrom::Pathname | RoomFrom::Slug) => Url::parse("https://site.invalid/").ok(),
            (None, _) => None,
        };
        let site = site.ok_or_else(|| NoRoom::NoHost(address.to_owned()))?;
        site.join(address).ok().filter(is_page).ok_or_else(|| NoRoom::Address(address.to_owned()))
    }
}

/// Parameters that say which post it is, in a line `address name=value`. The pattern is that of `static/embed.js`.
static IDENTITY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    const PATTERN: &str = r"(?i) ((p|[abnt]?id|[bs]?no|idx|num|seq|mid|slug|page_?id|(post|article|entry|topic|news|doc(ument)?|item|product|board|bbs|table|blog|log|bo|wr|it|co|ntt|title)([-_]?(id|no|num|idx|seq|srl|code|table))?)=.|q=node(%2F|/)|option=com_|page=[^0-9])|\.php\?.* [tf]=.|[?&]mod=document\b.* uid=.";
    // A test uses it, so no release has one that is none.
    Regex::new(PATTERN).ok()
});

/// The host, with its port where that is not the usual one.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Without an end that says nothing.
fn trimmed(path: &str) -> &str {
    let path = path.strip_suffix("index.html").filter(|rest| rest.ends_with('/')).unwrap_or(path);
    path.trim_end_matches('/')
}

/// Percent-decoded, where that is UTF-8; each `/` is written `:`.
fn path_name(path: &str) -> String {
    let decoded = decoded(path, "").unwrap_or_else(|| path.to_owned());
    trimmed(&decoded).replace('/', ":")
}

/// What in an address's query says which post it is, by name; of one name in the order that it has there.
fn identity(url: &Url) -> String {
    let Some(identity) = IDENTITY.as_ref() else { return String::new() };
    let pairs = url.query().unwrap_or_default().split('&');
    let mut pairs: Vec<&str> = pairs.filter(|pair| identity.is_match(&format!("{url} {pair}"))).collect();
    let name = |pair: &&str| pair.split('=').next().unwrap_or_default().to_owned();
    pairs.sort_by_key(name);
    pairs.join("&")
}

fn permalink(url: &Url) -> String {
    let which = identity(url).replace('+', "%20").replace(':', "%3A").replace('/', "%2F");
    let path = format!("{}{}", host_of(url), trimmed(url.path())).replace(':', "%3A").replace('/', ":");
    let question = if which.is_empty() { "" } else { "?" };
    let name = format!("{path}{question}{which}").replace("%25", "%2525");
    // What may separate parts stays encoded, and the sign that encodes: so the way back is certain.
    fit(&decoded(&name, ";/?:@&=+$,#").unwrap_or(name))
}

/// What `data-room` makes of a name.
fn as_data_room(asked: &str) -> String {
    let is_name = !asked.chars().any(|c| c == '/' || c.is_control()) && asked != "." && asked != "..";
    if is_name {
        return fit(asked);
    }
    let scheme = asked.find("://").filter(|at| {
        asked.get(..*at).is_some_and(|s| s.eq_ignore_ascii_case("http") || s.eq_ignore_ascii_case("https"))
    });
    let rest = scheme.and_then(|at| asked.get(at.saturating_add(3)..)).unwrap_or(asked);
    fit(path_name(rest).trim_start_matches([':', '.']))
}

/// As JavaScript's decodeURI decodes: `kept` stay encoded; nothing where a sign stands alone, or it is no UTF-8.
fn decoded(text: &str, kept: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let [high, low] = [hex(digits[0])?, hex(digits[1])?];
        let byte = high.checked_mul(16)?.checked_add(low)?;
        if byte.is_ascii() && kept.contains(char::from(byte)) {
            bytes.push(b'%');
            bytes.extend(digits);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// What the server takes for a room's name: what is too long ends in a hash of all of it.
fn fit(name: &str) -> String {
    /// A prime.
    const MODULUS: u64 = (1 << 44) - 17;
    /// `%~` and the hash.
    const END_MAX: usize = 13;

    let name = if name.is_empty() { "index" } else { name };
    let mut clean = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_control() {
            let mut buffer = [0; 4];
            for byte in c.encode_utf8(&mut buffer).bytes() {
                clean.push_str(&format!("%{byte:02X}"));
            }
        } else {
            clean.push(c);
        }
    }
    let whole: String = clean.nfc().collect();
    if whole.chars().count() <= ROOM_ID_CODE_POINTS_MAX {
        return clean;
    }
    let step = |sum: u64, byte: u8| sum.wrapping_mul(257).wrapping_add(u64::from(byte)) % MODULUS;
    let hash = whole.bytes().fold(0, step);
    let start: String = whole.chars().take(ROOM_ID_CODE_POINTS_MAX.saturating_sub(END_MAX)).collect();
    format!("{start}%~{hash:x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list that `tests/js/embed.test.mjs` holds the script to.
    #[test]
    fn rooms_are_those_of_the_script() {
        let list = include_str!("../../../tests/js/data/rooms-of-addresses.json");
        let list: Vec<(String, String, String)> = serde_json::from_str(list).expect("a list");
        assert!(list.len() > 50, "{} addresses", list.len());
        for (from, url, room) in list {
            let rule = RoomRule { from: RoomFrom::parse(&from).expect("a rule"), site: None };
            let page = Page { url: url.clone(), ..Page::default() };
            assert_eq!(rule.room_of(&page).map(|r| r.as_str().to_owned()), Ok(room), "{from} {url}");
        }
    }

    fn room(from: &str, page: Page) -> Result<String, NoRoom> {
        let rule = RoomRule { from: RoomFrom::parse(from).expect("a rule"), site: None };
        rule.room_of(&page).map(|room| room.as_str().to_owned())
    }

    #[test]
    fn a_page_may_have_other_names() {
        let page = |url: &str, slug: Option<&str>, identifier: Option<&str>| Page {
            url: url.to_owned(),
            slug: slug.map(str::to_owned),
            identifier: identifier.map(str::to_owned),
            title: None,
        };
        let address = "https://blog.example/2026/%EA%B8%80/";
        assert_eq!(room("slug", page(address, None, None)), Ok("글".into()));
        assert_eq!(room("slug", page(address, Some("%ea%b8%80-2"), None)), Ok("글-2".into()));
        assert_eq!(room("identifier", page(address, None, Some("post-12"))), Ok("post-12".into()));
        assert_eq!(room("identifier", page(address, None, Some("https://b.example/a/"))), Ok("b.example:a".into()));
        assert_eq!(room("identifier", page(address, None, Some(" "))), Err(NoRoom::NoName(address.into())));
        assert_eq!(room("pathname", page("/posts/1.html", None, None)), Ok("posts:1.html".into()));
        let lone = page("/posts/1.html", None, None);
        assert_eq!(room("permalink", lone.clone()), Err(NoRoom::NoHost("/posts/1.html".into())));
        let site = Url::parse("https://blog.example").ok();
        let rule = RoomRule { from: RoomFrom::Permalink, site };
        assert_eq!(rule.room_of(&lone).map(|r| r.to_string()), Ok("blog.example:posts:1.html".into()));
        assert!(matches!(room("permalink", page("mailto:a@b", None, None)), Err(NoRoom::Address(_))));
        assert!(matches!(room("permalink", page("", None, None)), Err(NoRoom::NoHost(_))));
    }
}
