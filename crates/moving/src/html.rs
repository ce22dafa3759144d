//! HTML as a text of this chat: its words, and of its looks what our texts can have (docs/PROTOCOL.md, marks).
//!
//! Nothing is taken from the HTML but text and addresses: what comes out is text, whatever went in.

use html5gum::{StartTag, Token, Tokenizer};

/// What an end of a line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newlines {
    /// A space, as in HTML.
    Spaces,
    /// A new line, and two a new paragraph, as where WordPress shows a comment.
    Lines,
}

/// What separates what comes next from what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Line,
    Paragraph,
}

/// A mark that is open.
struct Mark {
    sign: &'static str,
    /// It stands in the text.
    is_written: bool,
}

/// A link that is open.
struct Link {
    address: String,
    /// Where its words begin, once there are some.
    from: Option<usize>,
}

struct Writer {
    text: String,
    gap: Gap,
    marks: Vec<Mark>,
    links: Vec<Option<Link>>,
    /// For each list that is open the number of the next entry, where it has numbers.
    lists: Vec<Option<u32>>,
    n_quotes: usize,
    /// What is shown by no browser.
    n_hidden: usize,
    /// Code within a line, or lines of code with the language's name, as they come.
    code: Option<String>,
    lines_of_code: Option<(String, String)>,
    newlines: Newlines,
}

/// HTML as text; empty where nothing of it is text.
pub fn html_to_text(html: &str, newlines: Newlines) -> String {
    let mut writer = Writer {
        text: String::new(),
        gap: Gap::None,
        marks: Vec::new(),
        links: Vec::new(),
        lists: Vec::new(),
        n_quotes: 0,
        n_hidden: 0,
        code: None,
        lines_of_code: None,
        newlines,
    };
    for Ok(token) in Tokenizer::new(html) {
        match token {
            Token::StartTag(tag) => {
                writer.open(&tag);
                if tag.self_closing && &**tag.name == b"code" {
                    writer.close("code");
                }
            }
            Token::EndTag(tag) => writer.close(&String::from_utf8_lossy(&tag.name)),
            Token::String(text) => writer.say(&String::from_utf8_lossy(&text)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    writer.close("pre");
    writer.close("code");
    while !writer.links.is_empty() {
        writer.close("a");
    }
    writer.end_marks();
    writer.text.trim().to_owned()
}

/// The marks of a tag.
fn sign_of(name: &str) -> Option<&'static str> {
    match name {
        "b" | "strong" => Some("**"),
        "i" | "em" => Some("*"),
        "s" | "del" | "strike" => Some("~~"),
        _ => None,
    }
}

impl Writer {
    fn open(&mut self, tag: &StartTag<()>) {
        let name = String::from_utf8_lossy(&tag.name).into_owned();
        let attribute = |name: &str| {
            let value = tag.attributes.get(name.as_bytes())?;
            Some(String::from_utf8_lossy(value).trim().to_owned())
        };
        if self.lines_of_code.is_some() {
            // The language stands at the `code` within.
            if let (Some((language, code)), "code", Some(class)) =
                (&mut self.lines_of_code, name.as_str(), attribute("class"))
                && language.is_empty()
                && code.is_empty()
            {
                *language = language_of(&class);
            }
            if let (Some((_, code)), "br") = (&mut self.lines_of_code, name.as_str()) {
                code.push('\n');
            }
            return;
        }
        match name.as_str() {
            "script" | "style" | "template" | "noscript" | "title" => {
                self.n_hidden = self.n_hidden.saturating_add(1);
            }
            "br" => self.line(),
            "p" | "div" | "section" | "article" | "table" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "hr" | "dl"
            | "figure" => self.part(Gap::Paragraph),
            "tr" | "dt" | "dd" | "figcaption" => self.part(Gap::Line),
            "td" | "th" => self.part(Gap::Space),
            "ul" | "ol" => {
                self.part(if self.lists.is_empty() { Gap::Paragraph } else { Gap::Line });
                self.lists.push((name == "ol").then_some(1));
            }
            "li" => self.entry(),
            "blockquote" => {
                self.part(Gap::Paragraph);
                self.end_marks();
                self.n_quotes = self.n_quotes.saturating_add(1);
            }
            "pre" => {
                self.part(Gap::Paragraph);
                self.end_marks();
                let language = attribute("class").or_else(|| attribute("lang"));
                self.lines_of_code = Some((language.map(|l| language_of(&l)).unwrap_or_default(), String::new()));
            }
            "code" | "kbd" | "samp" | "tt" => self.code = self.code.take().or_else(|| Some(String::new())),
            "a" => {
                let address = attribute("href").map(|href| unwrapped(&href)).filter(|href| is_page(href));
                self.links.push(address.map(|address| Link { address, from: None }));
            }
            "img" => {
                let source = attribute("src").filter(|source| is_page(source));
                let words = attribute("alt").filter(|alt| !alt.is_empty());
                match (words, source) {
                    (Some(words), Some(source)) => self.say(&format!("{words} ({source})")),
                    (Some(words), None) => self.say(&words),
                    (None, Some(source)) => self.say(&source),
                    (None, None) => {}
                }
            }
            "iframe" | "video" | "audio" | "embed" => {
                if let Some(source) = attribute("src").filter(|source| is_page(source)) {
                    self.part(Gap::Line);
                    self.say(&source);
                    self.part(Gap::Line);
                }
            }
            _ => {
                if let Some(sign) = sign_of(&name) {
                    let is_within = self.marks.iter().any(|mark| mark.sign == sign);
                    // One within the other of its kind says nothing more.
                    self.marks.push(Mark { sign: if is_within { "" } else { sign }, is_written: false });
                }
            }
        }
    }

    fn close(&mut self, name: &str) {
        if self.lines_of_code.is_some() && name != "pre" {
            return;
        }
        match name {
            "script" | "style" | "template" | "noscript" | "title" => {
                self.n_hidden = self.n_hidden.saturating_sub(1);
            }
            "p" | "div" | "section" | "article" | "table" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "dl"
            | "figure" => self.part(Gap::Paragraph),
            "li" | "tr" | "dt" | "dd" | "figcaption" => self.part(Gap::Line),
            "td" | "th" => self.part(Gap::Space),
            "ul" | "ol" => {
                self.lists.pop();
                self.part(if self.lists.is_empty() { Gap::Paragraph } else { Gap::Line });
            }
            "blockquote" if self.n_quotes > 0 => {
                self.end_marks();
                self.n_quotes = self.n_quotes.saturating_sub(1);
                self.gap = Gap::Paragraph;
            }
            "pre" => self.end_lines_of_code(),
            "code" | "kbd" | "samp" | "tt" => self.end_code(),
            "a" => self.end_link(),
            _ => {
                if sign_of(name).is_some()
                    && let Some(mark) = self.marks.pop()
                    && mark.is_written
                {
                    self.text.push_str(mark.sign);
                }
            }
        }
    }

    /// Words, or code.
    fn say(&mut self, text: &str) {
        if self.n_hidden > 0 {
            return;
        }
        if let Some((_, code)) = &mut self.lines_of_code {
            code.push_str(text);
            return;
        }
        if let Some(code) = &mut self.code {
            code.push_str(text);
            return;
        }
        let mut n_newlines = 0_usize;
        for c in text.chars() {
            match c {
                '\n' if self.newlines == Newlines::Lines => {
                    n_newlines = n_newlines.saturating_add(1);
                    if n_newlines > 1 { self.part(Gap::Paragraph) } else { self.part(Gap::Line) }
                }
                ' ' | '\t' | '\n' | '\r' | '\u{c}' => self.gap = self.gap.max(Gap::Space),
                c if c.is_control() => {}
                c => {
                    n_newlines = 0;
                    self.begin_words();
                    self.text.push(if c == '\u{a0}' { ' ' } else { c });
                }
            }
        }
    }

    /// A new line that is meant: of two the second is an empty one.
    fn line(&mut self) {
        match self.gap {
            Gap::Line | Gap::Paragraph => self.part(Gap::Paragraph),
            Gap::None | Gap::Space => self.part(Gap::Line),
        }
    }

    fn part(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    /// What separates is written when something comes behind it: marks end with their line, quotes begin each.
    fn fill_gap(&mut self) {
        let gap = std::mem::replace(&mut self.gap, Gap::None);
        if self.text.is_empty() {
            if gap > Gap::None || self.n_quotes > 0 {
                self.text.push_str(if self.n_quotes > 0 { "> " } else { "" });
            }
            return;
        }
        match gap {
            Gap::None => {}
            Gap::Space => self.text.push(' '),
            Gap::Line | Gap::Paragraph => {
                self.end_marks();
                let quote = self.n_quotes > 0;
                // The empty line within a quotation is one of it; the one before it is none.
                let last = self.text.lines().next_back().unwrap_or_default();
                let goes_on = quote && last.starts_with("> ");
                self.text.push_str(match (gap, goes_on) {
                    (Gap::Paragraph, true) => "\n> \n",
                    (Gap::Paragraph, false) => "\n\n",
                    _ => "\n",
                });
                self.text.push_str(if quote { "> " } else { "" });
            }
        }
    }

    fn entry(&mut self) {
        self.part(Gap::Line);
        self.fill_gap();
        let depth = self.lists.len().saturating_sub(1);
        let bullet = match self.lists.last_mut() {
            Some(Some(n)) => {
                let bullet = format!("{n}. ");
                *n = n.saturating_add(1);
                bullet
            }
            _ => "- ".to_owned(),
        };
        self.text.push_str(&"  ".repeat(depth));
        self.text.push_str(&bullet);
    }

    /// What stands before words that come now.
    fn begin_words(&mut self) {
        self.fill_gap();
        self.begin_marks();
        let here = self.text.len();
        for link in self.links.iter_mut().flatten() {
            link.from.get_or_insert(here);
        }
    }

    fn begin_marks(&mut self) {
        for mark in &mut self.marks {
            if !mark.is_written {
                self.text.push_str(mark.sign);
                mark.is_written = true;
            }
        }
    }

    /// They begin again with the next word.
    fn end_marks(&mut self) {
        for mark in self.marks.iter_mut().rev().filter(|mark| mark.is_written) {
            self.text.push_str(mark.sign);
            mark.is_written = false;
        }
    }

    fn end_code(&mut self) {
        let Some(code) = self.code.take() else { return };
        let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
        if code.is_empty() {
            return;
        }
        self.fill_gap();
        let here = self.text.len();
        for link in self.links.iter_mut().flatten() {
            link.from.get_or_insert(here);
        }
        let sign = if code.contains('`') { "``" } else { "`" };
        let space = if code.starts_with('`') || code.ends_with('`') { " " } else { "" };
        self.text.push_str(&format!("{sign}{space}{code}{space}{sign}"));
    }

    fn end_lines_of_code(&mut self) {
        let Some((language, code)) = self.lines_of_code.take() else { return };
        let code: String = code.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
        let code = code.trim_matches('\n').trim_end();
        if code.is_empty() {
            return;
        }
        self.fill_gap();
        let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.saturating_add(1).max(3));
        if self.n_quotes > 0 {
            // No code begins within a quotation.
            self.text.push_str(&code.replace('\n', "\n> "));
        } else {
            self.text.push_str(&format!("{fence}{language}\n{code}\n{fence}"));
        }
        self.gap = Gap::Paragraph;
    }

    /// Behind its words comes the address, where they do not say it.
    fn end_link(&mut self) {
        let Some(Some(link)) = self.links.pop() else { return };
        let words = link.from.and_then(|from| self.text.get(from..)).unwrap_or_default().trim().to_owned();
        let bare = |address: &str| {
            let address = address.trim_end_matches('/');
            address.split_once("://").map_or(address, |(_, rest)| rest).to_owned()
        };
        // Disqus shortens what it shows of an address.
        let shown = words.trim_end_matches("...").trim_end_matches('…');
        let says_it = bare(&link.address).starts_with(&bare(shown)) && shown.contains(['.', '/']);
        if words.is_empty() || says_it {
            match link.from {
                Some(from) => self.text = self.text.get(..from).unwrap_or_default().to_owned(),
                None => self.begin_words(),
            }
            self.text.push_str(&link.address);
        } else {
            let gap = std::mem::replace(&mut self.gap, Gap::None);
            self.text.push_str(&format!(" ({})", link.address));
            self.gap = gap;
        }
    }
}

/// Whether an address is one that a reader may follow.
fn is_page(address: &str) -> bool {
    let has = |scheme: &str| address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    (has("http://") || has("https://")) && !address.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Where a link leads: Disqus writes `https://disq.us/url?url=<address>:<hash>&cuid=…` instead.
fn unwrapped(href: &str) -> String {
    let Ok(url) = url::Url::parse(href) else { return href.to_owned() };
    if url.host_str() != Some("disq.us") {
        return href.to_owned();
    }
    let target = url.query_pairs().find(|(name, _)| name == "url").map(|(_, value)| value.into_owned());
    match target {
        Some(target) => match target.rsplit_once(':') {
            Some((address, hash)) if address.contains("://") && !hash.contains('/') => address.to_owned(),
            _ => target,
        },
        None => href.to_owned(),
    }
}

/// The language that a class says, as `language-rust`.
fn language_of(class: &str) -> String {
    let named = class.split_whitespace().find_map(|c| c.strip_prefix("language-").or_else(|| c.strip_prefix("lang-")));
    let fits = |name: &&str| name.len() <= 32 && name.chars().all(|c| c.is_ascii_alphanumeric() || "_+#.-".contains(c));
    named.filter(fits).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn html_becomes_text_of_this_chat() {
        let cases = [
            ("<p>안녕하세요</p><p>둘째 &amp; 셋째</p>", "안녕하세요\n\n둘째 & 셋째"),
            ("a<br>b<br/><br />c", "a\nb\n\nc"),
            ("x &lt;script&gt; &#8217;&hellip; &nbsp;y", "x <script> ’…  y"),
            ("<b>bold</b> and <em> slanted </em>, <del>gone</del>", "**bold** and *slanted* , ~~gone~~"),
            ("<strong><b>twice</b></strong>", "**twice**"),
            ("<b>one<br>two</b>", "**one**\n**two**"),
            ("<b></b>nothing<i> </i>", "nothing"),
            ("use <code>let x = 1;</code> here", "use `let x = 1;` here"),
            ("<code>a`b</code>", "``a`b``"),
            (
                "<pre><code class=\"language-rust\">fn main() {\n    1\n}\n</code></pre>",
                "```rust\nfn main() {\n    1\n}\n```",
            ),
            ("before<pre>a ``` b</pre>after", "before\n\n````\na ``` b\n````\n\nafter"),
            ("<blockquote><p>한 줄</p><p>두 줄</p></blockquote><p>답</p>", "> 한 줄\n> \n> 두 줄\n\n답"),
            ("그<blockquote>a<br>b</blockquote>c", "그\n\n> a\n> b\n\nc"),
            ("<ul><li>one</li><li>two<ol><li>inner</li></ol></li></ul>x", "- one\n- two\n  1. inner\n\nx"),
            ("<a href=\"https://a.example/x\">here</a>, yes", "here (https://a.example/x), yes"),
            ("<a href=\"https://a.example/long/path\">https://a.example/lo...</a>", "https://a.example/long/path"),
            ("<a href=\"https://a.example/\">a.example</a>", "https://a.example/"),
            ("<a href=\"javascript:alert(1)\">click</a>", "click"),
            (
                "<a href=\"https://disq.us/url?url=https%3A%2F%2Fa.example%2Fb%3Fc%3D1%3AHA-sh_1&amp;cuid=12\">b</a>",
                "b (https://a.example/b?c=1)",
            ),
            ("<img src=\"https://a.example/1.png\" alt=\"수달\">", "수달 (https://a.example/1.png)"),
            ("<a href=\"https://a.example/1.png\"><img src=\"data:x\"></a>", "https://a.example/1.png"),
            ("<script>alert(1)</script><style>p{}</style>text<!-- c -->", "text"),
            ("  spaces \n and\tlines ", "spaces and lines"),
            (
                "<p>unclosed <b>all <a href='https://a.example/q'>the way",
                "unclosed **all the way (https://a.example/q)**",
            ),
            ("a\u{0}b\u{1b}[31mc", "ab[31mc"),
            ("", ""),
        ];
        for (html, text) in cases {
            assert_eq!(html_to_text(html, Newlines::Spaces), text, "{html}");
        }
    }

    #[test]
    fn lines_of_wordpress_are_lines() {
        let text = html_to_text(
            "첫 줄\n둘째 줄\r\n\r\n<strong>문단</strong> <a href=\"https://a.example\">링크</a>",
            Newlines::Lines,
        );
        assert_eq!(text, "첫 줄\n둘째 줄\n\n**문단** 링크 (https://a.example)");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_text(html in "(<(/?)(p|b|i|a|pre|code|blockquote|ul|li|br|img|script)( href=\"https://a.example\"| src='x')?>|[a-z가-힣 \n`*>&;]{0,6}){0,60}") {
            for newlines in [Newlines::Spaces, Newlines::Lines] {
                let text = html_to_text(&html, newlines);
                // Within code lines stay as they are.
                prop_assert!(!text.contains("\n\n\n\n") || text.contains("```"), "{}", text);
                prop_assert!(text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t')));
            }
        }

        #[test]
        fn words_outside_of_tags_are_kept(words in prop::collection::vec("[a-z가-힣]{1,6}", 1..30)) {
            let html: String = words.iter().map(|word| format!("<p>{word}</p>")).collect();
            let text = html_to_text(&html, Newlines::Spaces);
            prop_assert_eq!(text, words.join("\n\n"));
        }
    }
}
