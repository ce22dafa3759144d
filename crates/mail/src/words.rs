//! What the chat has to say by mail.

use crate::letter::{Letter, Link};

/// What a letter is written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    /// English, which is also for whoever reads neither.
    #[default]
    English,
    /// Korean.
    Korean,
}

impl Language {
    /// The language of a tag (`ko`, `ko-KR`), as browsers send it.
    pub fn of(tag: &str) -> Self {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("ko") { Self::Korean } else { Self::English }
    }

    /// The tag (BCP 47).
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }
}

/// What somebody has asked by the contact form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    /// Whoever asks, where they say it.
    pub name: Option<String>,
    /// Where an answer reaches them.
    pub email: String,
    /// What it is about.
    pub subject: String,
    /// What they ask.
    pub text: String,
    /// The host of the chat.
    pub host: String,
}

/// Tells the owner what somebody has asked.
pub fn inquiry(language: Language, asked: Inquiry) -> Letter {
    let Inquiry { name, email, subject, text, host } = asked;
    let who = match &name {
        Some(name) => format!("{name} <{email}>"),
        None => email.clone(),
    };
    let (subject, paragraph, footer) = match language {
        Language::English => (
            format!("[Contact] {subject}"),
            format!("{who} wrote to you by the contact form of {host}. Answering this mail answers them."),
            format!("The contact form of {host} sends you this because its server was told to (CHAT_CONTACT_TO)."),
        ),
        Language::Korean => (
            format!("[문의] {subject}"),
            format!("{who} 님이 {host}의 문의 양식으로 보낸 글입니다. 이 메일에 답장하면 그분에게 전해집니다."),
            format!("{host}의 문의 양식이 보낸 메일입니다(서버 설정 CHAT_CONTACT_TO)."),
        ),
    };
    Letter {
        language: language.tag(),
        subject,
        paragraphs: vec![paragraph],
        quote: Some(text),
        footer,
        reply_to: Some((name.unwrap_or_default(), email)),
        ..Letter::default()
    }
}

/// Gives somebody the link by which they set a new password. `host` is that of the chat.
pub fn new_password(language: Language, nickname: &str, host: &str, url: String) -> Letter {
    let (subject, paragraphs, label, footer) = match language {
        Language::English => (
            format!("A new password for {host}"),
            vec![
                format!("Hello {nickname},"),
                format!(
                    "somebody asked for a new password of your account at {host}. The link is good once, within an hour."
                ),
            ],
            "Set a new password",
            "If it was not you, there is nothing to do: your password stays as it is.",
        ),
        Language::Korean => (
            format!("{host} 새 비밀번호"),
            vec![
                format!("{nickname} 님, 안녕하세요."),
                format!("{host} 계정의 새 비밀번호를 요청받았습니다. 아래 링크는 한 시간 안에 한 번만 쓸 수 있습니다."),
            ],
            "새 비밀번호 정하기",
            "직접 요청하지 않았다면 아무것도 하지 않아도 됩니다. 비밀번호는 그대로입니다.",
        ),
    };
    to_press(language, (subject, paragraphs, footer), (label, url))
}

/// A letter with one link to press.
pub(crate) fn to_press(
    language: Language,
    (subject, paragraphs, footer): (String, Vec<String>, &str),
    (label, url): (&str, String),
) -> Letter {
    let link = Some(Link { label: label.into(), url });
    Letter { language: language.tag(), subject, paragraphs, link, footer: footer.into(), ..Letter::default() }
}

/// Tells the owner that a webhook is not tried any more. In both languages: which one the owner reads is not known.
pub fn webhook_off(webhook: &str, host: &str) -> Letter {
    Letter {
        language: Language::English.tag(),
        subject: format!("A webhook of {host} is off · 웹훅이 멈췄습니다"),
        paragraphs: vec![
            format!(
                "{webhook} has taken nothing for three days, so {host} has stopped trying. Nothing is lost: once it is woken it is told all that it has missed."
            ),
            format!(
                "{webhook} 주소가 사흘 동안 아무것도 받지 않아 {host}에서 보내기를 멈췄습니다. 다시 켜면 그동안의 일을 모두 보냅니다."
            ),
        ],
        footer: format!("{host} sends you this because its server was told to (CHAT_CONTACT_TO)."),
        ..Letter::default()
    }
}

/// Asks whoever reads an address whether it is the one of an account. `host` is that of the chat.
pub fn confirmation(language: Language, nickname: &str, host: &str, url: String) -> Letter {
    let (subject, paragraphs, label, footer) = match language {
        Language::English => (
            format!("Is this your address at {host}?"),
            vec![
                format!("Hello {nickname},"),
                format!(
                    "your account at {host} names this mail address. Please confirm that it is yours, within a day."
                ),
            ],
            "Yes, this is my address",
            "If you have no account there, somebody has typed your address by mistake: there is nothing to do.",
        ),
        Language::Korean => (
            format!("{host} 메일 주소 확인"),
            vec![
                format!("{nickname} 님, 안녕하세요."),
                format!("{host} 계정에 이 메일 주소가 등록되었습니다. 본인의 주소가 맞으면 하루 안에 확인해 주세요."),
            ],
            "제 주소가 맞습니다",
            "계정을 만든 적이 없다면 누군가 주소를 잘못 입력한 것입니다. 아무것도 하지 않아도 됩니다.",
        ),
    };
    to_press(language, (subject, paragraphs, footer), (label, url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn korean_is_for_who_reads_it() {
        for (tag, language) in [
            ("ko", Language::Korean),
            ("ko-KR", Language::Korean),
            ("KO_kr", Language::Korean),
            ("kok", Language::English),
            ("en", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::of(tag), language, "{tag}");
        }
    }

    #[test]
    fn an_inquiry_is_answered_to_whoever_asked() {
        let asked = Inquiry {
            name: Some("수달".into()),
            email: "otter@example.com".into(),
            subject: "Prices".into(),
            text: "How much?".into(),
            host: "chat.example".into(),
        };
        for (language, subject) in [(Language::English, "[Contact] Prices"), (Language::Korean, "[문의] Prices")] {
            let letter = inquiry(language, asked.clone());
            assert_eq!((letter.subject.as_str(), letter.language), (subject, language.tag()));
            assert_eq!(letter.reply_to, Some(("수달".into(), "otter@example.com".into())));
            assert!(letter.text().contains("> How much?"), "{}", letter.text());
        }
    }

    #[test]
    fn the_owner_hears_which_webhook_is_off() {
        let letter = webhook_off("https://hooks.example/a?b", "chat.example");
        let text = letter.text();
        assert!(text.matches("https://hooks.example/a?b").count() == 2 && text.contains("chat.example"), "{text}");
    }

    #[test]
    fn a_link_is_in_both_forms() {
        let url = "https://chat.example/reset#code".to_owned();
        for language in [Language::English, Language::Korean] {
            for made in [new_password, confirmation] {
                let letter = made(language, "Otter", "chat.example", url.clone());
                assert!(letter.text().contains(&url) && letter.html().expect("html").contains(&url));
            }
        }
    }
}
