//! What the chat has to say by mail to who waits for answers.

use crate::{
    letter::{Letter, Link, Said},
    words::{Language, to_press},
};

/// Who was answered, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The host of the chat.
    pub host: String,
    /// What the discussion is called.
    pub room: String,
    /// The answers, in order: as many as a letter shows.
    pub said: Vec<Said>,
    /// How many there are besides.
    pub n_more: usize,
    /// Where they stand.
    pub url: String,
    /// Where one is mailed no more.
    pub stop: String,
}

/// Asks whoever reads an address whether they want to be mailed of answers in a discussion. `host` is that of the chat.
pub fn answers_asked(language: Language, (host, room): (&str, &str), url: String) -> Letter {
    let (subject, paragraphs, label, footer) = match language {
        Language::English => (
            format!("Do you want answers by mail? ({room})"),
            vec![
                format!(
                    "Somebody who wrote in the discussion “{room}” at {host} wants to be told of answers at this address."
                ),
                "If it was you, please confirm it within a day. Nothing is mailed before that.".to_owned(),
            ],
            "Yes, mail me of answers",
            "If it was not you, there is nothing to do: without that press nothing more comes.",
        ),
        Language::Korean => (
            format!("답글 소식을 메일로 받을까요? ({room})"),
            vec![
                format!("{host}의 “{room}” 대화에 글을 쓴 분이 답글 소식을 이 주소로 받고 싶다고 했습니다."),
                "직접 요청하셨다면 하루 안에 확인해 주세요. 확인하기 전에는 아무것도 보내지 않습니다.".to_owned(),
            ],
            "네, 메일로 받을게요",
            "직접 요청하지 않았다면 아무것도 하지 않아도 됩니다. 누르지 않으면 더는 오지 않습니다.",
        ),
    };
    to_press(language, (subject, paragraphs, footer), (label, url))
}

/// Tells somebody who has answered them.
pub fn answers(language: Language, answered: Answered) -> Letter {
    let Answered { host, room, said, n_more, url, stop } = answered;
    let n = said.len().saturating_add(n_more);
    let (subject, paragraph, label, footer, no_more) = match language {
        Language::English => {
            let (what, more) = match (n, n_more) {
                (1, _) => ("An answer".to_owned(), String::new()),
                (n, 0) => (format!("{n} answers"), String::new()),
                (n, more) => (format!("{n} answers"), format!(" {more} more stand there.")),
            };
            (
                format!("{what} to you in “{room}”"),
                format!("You were answered in the discussion “{room}” at {host}.{more}"),
                "Open the discussion",
                format!("You get this because you asked {host} to mail you of answers."),
                "No more of these",
            )
        }
        Language::Korean => {
            let more =
                if n_more == 0 { String::new() } else { format!(" 이 밖에 {n_more}개가 더 있습니다.") };
            (
                format!("“{room}”에 답글 {n}개가 달렸습니다"),
                format!("{host}의 “{room}” 대화에서 답글을 받았습니다.{more}"),
                "대화 열기",
                format!("{host}에서 답글 소식을 메일로 받겠다고 하셔서 보냈습니다."),
                "이제 그만 받기",
            )
        }
    };
    Letter {
        language: language.tag(),
        subject,
        paragraphs: vec![paragraph],
        answers: said,
        link: Some(Link { label: label.into(), url }),
        footer,
        stop: Some(Link { label: no_more.into(), url: stop }),
        ..Letter::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(n: usize, n_more: usize) -> Answered {
        let said = (0..n).map(|n| Said { by: format!("Otter {n}"), text: format!("text {n}") }).collect();
        Answered {
            host: "chat.example".into(),
            room: "post".into(),
            said,
            n_more,
            url: "https://chat.example/room/post#m-7".into(),
            stop: "https://chat.example/answers/key?room=post".into(),
        }
    }

    #[test]
    fn a_letter_has_all_that_was_answered_and_the_ways_on_and_out() {
        for language in [Language::English, Language::Korean] {
            let letter = answers(language, answered(2, 3));
            let (text, html) = (letter.text(), letter.html().expect("html"));
            for part in
                ["Otter 0", "> text 1", "https://chat.example/room/post#m-7", "https://chat.example/answers/key"]
            {
                assert!(text.contains(part), "{part}: {text}");
                assert!(html.contains(part.trim_start_matches("> ")), "{part}: {html}");
            }
            assert!(letter.subject.contains('5') && text.contains('3'), "{} {text}", letter.subject);
        }
        assert_eq!(answers(Language::English, answered(1, 0)).subject, "An answer to you in “post”");
    }

    #[test]
    fn who_is_asked_gets_a_link_and_no_way_out_of_what_has_not_begun() {
        let url = "https://chat.example/answers#code".to_owned();
        for language in [Language::English, Language::Korean] {
            let letter = answers_asked(language, ("chat.example", "post"), url.clone());
            assert!(letter.text().contains(&url) && letter.subject.contains("post"));
            assert_eq!(letter.stop, None);
        }
    }
}
