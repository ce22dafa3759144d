/// Ends of names of hosts that people write without a scheme and mean as links.
const ENDS: [&str; 23] = [
    "com", "net", "org", "edu", "gov", "kr", "jp", "cn", "tw", "hk", "vn", "ru", "ua", "uk", "de", "fr", "es", "br",
    "biz", "xyz", "shop", "online", "club",
];
/// Ends that are words, file names or fields of programs as well (`console.info`, `main.rs`, `socket.io`): a link only
/// where a path follows.
const ENDS_BEFORE_PATH: [&str; 40] = [
    "ai", "app", "be", "bet", "bid", "cc", "click", "co", "dev", "eu", "gg", "gl", "icu", "id", "in", "info", "io",
    "is", "it", "la", "life", "link", "live", "ly", "me", "nl", "pl", "pro", "pw", "se", "site", "so", "store", "tk",
    "to", "top", "tv", "us", "vip", "ws",
];
/// Names of products that are no links.
const NO_HOSTS: [&str; 4] = ["asp.net", "ado.net", "vb.net", "ml.net"];

/// How many links a text has: `http://` and `https://`, which the page makes links of, and `www.` and bare names of
/// hosts, which readers copy. Careful: file names, versions, abbreviations and addresses of mail are none.
pub fn n_links(text: &str) -> usize {
    let mut n = 0;
    let mut rest = text;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let n_bytes = if !c.is_ascii_alphanumeric() {
            c.len_utf8()
        } else if let Some(n_bytes) = with_scheme(rest) {
            n += 1;
            n_bytes
        } else {
            let host = host(rest);
            let is_part = matches!(before, '@' | '/' | '.' | '-' | '_' | '\\');
            let behind = rest.get(host.len()..).unwrap_or_default();
            if !is_part && !behind.starts_with(['@', '_']) && is_link(host, behind) {
                n += 1;
                host.len() + until_space(behind)
            } else {
                host.len().max(c.len_utf8())
            }
        };
        let (done, next) = rest.split_at_checked(n_bytes).unwrap_or((rest, ""));
        before = done.chars().next_back().unwrap_or(' ');
        rest = next;
    }
    n
}

/// The length of a link with a scheme that the text begins with.
fn with_scheme(text: &str) -> Option<usize> {
    let starts = |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let n_scheme = ["https://", "http://"].into_iter().find(|scheme| starts(scheme))?.len();
    let behind = text.get(n_scheme..)?;
    behind.starts_with(|c: char| c.is_alphanumeric() || c == '[').then(|| n_scheme + until_space(behind))
}

fn until_space(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"')).unwrap_or(text.len())
}

/// What a host may consist of, from the start of the text; a full stop at its end belongs to the sentence.
fn host(text: &str) -> &str {
    let n = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-').unwrap_or(text.len());
    text.get(..n).unwrap_or_default().trim_end_matches(['.', '-'])
}

fn is_link(host: &str, behind: &str) -> bool {
    let Some((name, end)) = host.rsplit_once('.') else { return false };
    if host.split('.').any(|label| label.is_empty() || label.starts_with('-') || label.ends_with('-')) {
        return false;
    }
    let is_path = behind
        .strip_prefix('/')
        .is_some_and(|path| path.starts_with(|c: char| c.is_alphanumeric() || "+@?".contains(c)));
    // `Thanks.Net` is the end of a sentence without its space.
    let is_one_case = !end.chars().any(|c| c.is_ascii_uppercase()) || !end.chars().any(|c| c.is_ascii_lowercase());
    let end = end.to_ascii_lowercase();
    let is_www = name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www."));
    if is_www {
        return end.len() >= 2 && end.chars().all(|c| c.is_ascii_alphabetic());
    }
    let is_known =
        ENDS.contains(&end.as_str()) && !behind.starts_with('(') && (behind.starts_with('/') || !is_product(host));
    is_one_case && (is_known || (is_path && ENDS_BEFORE_PATH.contains(&end.as_str())))
}

fn is_product(host: &str) -> bool {
    NO_HOSTS.iter().any(|product| host.eq_ignore_ascii_case(product))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn links_are_counted() {
        for (text, n) in [
            ("see https://example.com/a?b=c and HTTP://x.y", 2),
            ("www.example.museum", 1),
            ("여기example.com/x보세요", 1),
            ("example.com, naver.co.kr. 그리고 EXAMPLE.ORG", 3),
            ("t.me/joinchat bit.ly/3x", 2),
            ("(https://a.b/c)", 1),
            ("https://en.wikipedia.org/wiki/A_(b)", 1),
            ("http://[::1]/", 1),
            ("https://example.com/www.example.com", 1),
        ] {
            assert_eq!(n_links(text), n, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        for text in [
            "e.g. this, i.e. that",
            "3.14 1.2.3.4",
            "보고서.pdf와 main.rs, 사진.jpg",
            "me@example.com",
            "a.b.c",
            "http:// alone",
            "console.info(x) window.top",
            "ASP.NET and VB.NET",
            "Thanks.Net result",
            "socket.io node.js readme.md",
            "끝.com",
            "...",
            "www.",
            "src/main.rs/x.com",
            "3.com.",
            "trust.me",
            "he/she.they",
            "사용자.이름",
            "v1.2.net-beta",
        ] {
            let expected = usize::from(text == "3.com.");
            assert_eq!(n_links(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn counting_ends_and_never_exceeds_the_words(text in any::<String>()) {
            prop_assert!(n_links(&text) <= text.len());
        }

        #[test]
        fn each_link_among_words_is_counted(n in 0_usize..10, word in "[가-힣a-z]{1,8}") {
            prop_assert_eq!(n_links(&format!("{word} https://example.com/{word} ").repeat(n)), n);
        }
    }
}
