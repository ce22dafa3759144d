use askama::Template;
use lettre::{
    Address, Message,
    message::{Mailbox, MultiPart, header},
};

/// What a letter says. It goes as text and as simple HTML, of which the reader's program shows one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Letter {
    /// The tag of its language (BCP 47).
    pub language: &'static str,
    /// The line that it is found by.
    pub subject: String,
    /// What it has to say before all else.
    pub paragraphs: Vec<String>,
    /// What somebody else has written.
    pub quote: Option<String>,
    /// What others have answered.
    pub answers: Vec<Said>,
    /// What can be done about it.
    pub link: Option<Link>,
    /// Why it was sent.
    pub footer: String,
    /// How its reader gets no more of them: a page for people, and for programs that show mail an address to post to
    /// (RFC 8058).
    pub stop: Option<Link>,
    /// To whom an answer goes: name, where there is one, and address.
    pub reply_to: Option<(String, String)>,
}

/// What somebody has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// As whom.
    pub by: String,
    /// What.
    pub text: String,
}

/// Something to press.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What is done.
    pub label: String,
    /// Where it leads.
    pub url: String,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Page<'a> {
    letter: &'a Letter,
}

impl Letter {
    /// As text alone.
    pub fn text(&self) -> String {
        let mut parts = self.paragraphs.clone();
        let quoted = |text: &str| text.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n");
        parts.extend(self.quote.as_deref().map(quoted));
        parts.extend(self.answers.iter().map(|Said { by, text }| format!("{by}:\n{}", quoted(text))));
        if let Some(Link { label, url }) = &self.link {
            parts.push(format!("{label}:\n{url}"));
        }
        let stop = self.stop.as_ref().map(|Link { label, url }| format!("\n{label}:\n{url}")).unwrap_or_default();
        parts.push(format!("-- \n{}{stop}", self.footer));
        parts.join("\n\n") + "\n"
    }

    /// As HTML, without a picture or a script, and with nothing that is fetched from anywhere.
    ///
    /// # Errors
    /// None that a letter can cause.
    pub fn html(&self) -> Result<String, askama::Error> {
        Page { letter: self }.render()
    }

    /// The message, from somebody to somebody. `id` is the same however often it is sent, so that whoever gets it twice
    /// can tell.
    ///
    /// # Errors
    /// What is wrong with an address.
    pub(crate) fn message(&self, from: &Mailbox, to: &str, id: &str) -> Result<Message, String> {
        let to: Address = to.parse().map_err(|e| format!("the address of the reader: {e}"))?;
        let mut message = Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to))
            .subject(one_line(&self.subject))
            .message_id(Some(format!("<{id}@{}>", from.email.domain())))
            .header(AutoSubmitted);
        if let Some((name, address)) = &self.reply_to {
            let address: Address = address.parse().map_err(|e| format!("the address for answers: {e}"))?;
            let name = one_line(name);
            message = message.reply_to(Mailbox::new((!name.is_empty()).then_some(name), address));
        }
        if let Some(Link { url, .. }) = &self.stop {
            message = message.header(ListUnsubscribe(format!("<{}>", one_line(url)))).header(ListUnsubscribePost);
        }
        let html = self.html().map_err(|e| e.to_string())?;
        message.multipart(MultiPart::alternative_plain_html(self.text(), html)).map_err(|e| e.to_string())
    }
}

/// Without what could begin another header, or hide the end of this one.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Where a program that shows mail posts to once its reader wants no more of it (RFC 2369 and RFC 8058).
#[derive(Debug, Clone)]
struct ListUnsubscribe(String);

impl header::Header for ListUnsubscribe {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> header::HeaderValue {
        // An address of ASCII stays in one piece.
        header::HeaderValue::dangerous_new_pre_encoded(Self::name(), self.0.clone(), self.0.clone())
    }
}

/// That one request without a question is enough (RFC 8058, section 3.1).
#[derive(Debug, Clone)]
struct ListUnsubscribePost;

impl header::Header for ListUnsubscribePost {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("List-Unsubscribe-Post")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "List-Unsubscribe=One-Click".into())
    }
}

/// Nobody answers a machine that writes by itself (RFC 3834, section 5).
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sent(letter: &Letter) -> String {
        let from = "Chat <chat@blog.example>".parse().expect("a mailbox");
        let message = letter.message(&from, "owner@blog.example", "job-1").expect("a message");
        String::from_utf8(message.formatted()).expect("mail is ASCII")
    }

    #[test]
    fn a_letter_is_text_and_html_and_shows_what_was_typed() {
        let letter = Letter {
            language: "en",
            subject: "Hello".into(),
            paragraphs: vec!["<b>one</b>".into()],
            quote: Some("a & b\nc".into()),
            link: Some(Link { label: "Open".into(), url: "https://chat.example/a?b=1&c=2".into() }),
            footer: "why".into(),
            ..Letter::default()
        };
        let text = "<b>one</b>\n\n> a & b\n> c\n\nOpen:\nhttps://chat.example/a?b=1&c=2\n\n-- \nwhy\n";
        assert_eq!(letter.text(), text);
        let html = letter.html().expect("html");
        for part in ["&#60;b&#62;one", "a &#38; b\nc", "b=1&#38;c=2\"", "lang=\"en\""] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("<b>one") && !html.contains("src="), "{html}");
    }

    #[test]
    fn whoever_wants_no_more_of_them_needs_one_press_and_programs_one_request() {
        let url = "https://chat.example/answers/key?room=a%20b&lang=en".to_owned();
        let letter = Letter {
            answers: vec![Said { by: "<Otter>".into(), text: "a & b\nc".into() }],
            footer: "why".into(),
            stop: Some(Link { label: "No more".into(), url: url.clone() }),
            ..Letter::default()
        };
        let sent = sent(&letter);
        let (head, _) = sent.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(&format!("List-Unsubscribe: <{url}>\r\n")), "{head}");
        assert!(head.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{head}");
        assert_eq!(letter.text(), format!("<Otter>:\n> a & b\n> c\n\n-- \nwhy\nNo more:\n{url}\n"));
        let html = letter.html().expect("html");
        for part in ["&#60;Otter&#62;", "a &#38; b\nc", "room=a%20b&#38;lang=en\""] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let wrong = Letter { stop: Some(Link { label: String::new(), url: "a\r\nBcc: c@d.co".into() }), ..letter };
        let sent = self::sent(&wrong);
        let (head, _) = sent.split_once("\r\n\r\n").expect("a head");
        assert!(!head.contains("\r\nBcc"), "{head}");
    }

    #[test]
    fn nothing_that_is_typed_is_a_header() {
        let letter = Letter {
            subject: "수달\r\nBcc: evil@example.com".into(),
            reply_to: Some(("A\r\nBcc: evil@example.com\u{2028}x".into(), "a@b.co".into())),
            ..Letter::default()
        };
        let sent = sent(&letter);
        let (head, _) = sent.split_once("\r\n\r\n").expect("a head");
        assert!(!head.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{head}");
        assert!(head.is_ascii() && head.contains("Message-ID: <job-1@blog.example>"), "{head}");
        assert!(head.contains("Auto-Submitted: auto-generated"), "{head}");
        let wrong = Letter { reply_to: Some((String::new(), "a@b.co\r\nBcc: c@d.co".into())), ..Letter::default() };
        let from = "chat@blog.example".parse().expect("a mailbox");
        assert!(wrong.message(&from, "owner@blog.example", "1").is_err());
        assert!(Letter::default().message(&from, "owner@blog.example\r\nx: y", "1").is_err());
    }

    proptest! {
        #[test]
        fn a_head_has_the_same_fields_whatever_is_typed(subject in any::<String>(), name in any::<String>(), text in any::<String>()) {
            let letter = Letter { subject, quote: Some(text), reply_to: Some((name, "a@b.co".into())), ..Letter::default() };
            let sent = sent(&letter);
            let (head, _) = sent.split_once("\r\n\r\n").expect("a head");
            let fields = |line: &&str| !line.starts_with([' ', '\t']);
            let names: Vec<&str> = head.split("\r\n").filter(fields).filter_map(|l| l.split(':').next()).collect();
            let usual = ["From", "To", "Subject", "Message-ID", "Auto-Submitted", "Reply-To", "MIME-Version", "Date", "Content-Type"];
            prop_assert!(names.iter().all(|name| usual.contains(name)), "{names:?}");
            prop_assert!(sent.is_ascii());
        }
    }
}
