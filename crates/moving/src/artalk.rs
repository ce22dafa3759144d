//! Artalk: Artrans, one array of JSON in which every field is a text (`internal/artransfer`).

use std::{fmt, io::BufRead, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, SeqAccess, Visitor},
};

use crate::{
    Body, Comment, Found, LeftOut, Note, Page, ReadError,
    bounded::{Bounded, Place},
    disqus::time_of,
    remark42::without_place,
};

/// A text, or what other programs write instead of one.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Field {
    Text(String),
    Number(i64),
    Bool(bool),
    #[default]
    None,
}

impl Field {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(n) => n.to_string(),
            Self::Bool(is) => is.to_string(),
            Self::None => String::new(),
        }
    }

    fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true)) || matches!(self, Self::Text(text) if text == "true" || text == "1")
    }

    fn is_some_number(&self) -> bool {
        match self {
            Self::Text(text) => !matches!(text.as_str(), "" | "0"),
            Self::Number(n) => *n != 0,
            Self::Bool(_) | Self::None => false,
        }
    }
}

#[derive(Debug, Deserialize)]
struct Artran {
    id: Field,
    #[serde(default)]
    rid: Field,
    #[serde(default)]
    content: Field,
    #[serde(default)]
    is_pending: Field,
    #[serde(default)]
    is_pinned: Field,
    #[serde(default)]
    vote_up: Field,
    #[serde(default)]
    vote_down: Field,
    #[serde(default)]
    created_at: Field,
    #[serde(default)]
    nick: Field,
    #[serde(default)]
    email: Field,
    #[serde(default)]
    page_key: Field,
    #[serde(default)]
    page_title: Field,
    #[serde(default)]
    site_name: Field,
}

pub(crate) fn read<R: BufRead>(from: R, take: &mut dyn FnMut(Found) -> Result<(), ReadError>) -> Result<(), ReadError> {
    let from = Bounded::new(from);
    let place = from.place();
    let mut reader = serde_json::Deserializer::from_reader(from);
    let mut failed = None;
    let all = All { take, place: &place, failed: &mut failed };
    let read = all.deserialize(&mut reader).and_then(|()| reader.end());
    match (failed, read) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) if error.is_eof() => Err(ReadError::cut(place.line())),
        (None, Err(error)) => {
            let line = u64::try_from(error.line()).unwrap_or(1).max(1);
            Err(ReadError::new(line, format!("this is no export of Artalk: {}", without_place(&error))))
        }
    }
}

/// All comments, one after the other: the array is never there as a whole.
struct All<'a> {
    take: &'a mut dyn FnMut(Found) -> Result<(), ReadError>,
    place: &'a Place,
    failed: &'a mut Option<ReadError>,
}

impl<'de> DeserializeSeed<'de> for All<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for All<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of comments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<(), A::Error> {
        loop {
            self.place.begin();
            let Some(artran) = all.next_element::<Artran>()? else { return Ok(()) };
            let done = found(artran, self.place).and_then(|found| found.into_iter().try_for_each(&mut *self.take));
            if let Err(error) = done {
                *self.failed = Some(error);
                return Err(A::Error::custom("given up"));
            }
        }
    }
}

fn found(artran: Artran, place: &Place) -> Result<Vec<Found>, ReadError> {
    let id = artran.id.into_text();
    if artran.is_pending.is_true() {
        return Ok(vec![Found::LeftOut(LeftOut::Unapproved, id)]);
    }
    let mut found = Vec::new();
    if artran.vote_up.is_some_number() || artran.vote_down.is_some_number() {
        found.push(Found::Noted(Note::VotesDropped, id.clone()));
    }
    let at = artran.created_at.into_text();
    let at = time_of(&at).ok_or_else(|| ReadError::new(place.line(), format!("comment {id} has no time: {at:?}")))?;
    let (site, name, mail) = (artran.site_name.into_text(), artran.nick.into_text(), artran.email.into_text());
    let who = match mail.trim() {
        "" => format!("{site} name {name}"),
        mail => format!("{site} mail {}", mail.to_lowercase()),
    };
    let key = artran.page_key.into_text();
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let page = Page { identifier: some(key.clone()), url: key, title: some(artran.page_title.into_text()), slug: None };
    found.push(Found::Comment(Box::new(Comment {
        source: site,
        parent: artran.rid.is_some_number().then(|| artran.rid.into_text()),
        page: Arc::new(page),
        who,
        name,
        at,
        edited_at: None,
        body: Body::Text(artran.content.into_text()),
        is_deleted: false,
        is_pinned: artran.is_pinned.is_true(),
        id,
    })));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"[
{"id":"1","rid":"0","content":"안녕 **반가워**","ua":"x","ip":"192.0.2.1","is_collapsed":"false","is_pending":"false","is_pinned":"true","vote_up":"3","vote_down":"0","created_at":"2021-11-03 04:25:20 +0800 CST","updated_at":"2021-11-03 04:25:20 +0800 CST","nick":"수달","email":"Otter@Mail.example","link":"","badge_name":"","badge_color":"","page_key":"/글/","page_title":"제목","page_admin_only":"false","site_name":"블로그","site_urls":"https://blog.example"},
{"id":2,"rid":1,"content":"답","is_pending":false,"created_at":"2021-11-02T20:26:20Z","nick":"벗","page_key":"/글/","site_name":"블로그"},
{"id":"3","rid":"0","content":"later","is_pending":"true","created_at":"2021-11-02T20:26:20Z","nick":"x","page_key":"/글/","site_name":"블로그"}
]"#;

    fn all(file: &str) -> Result<Vec<Found>, ReadError> {
        crate::gathered(|take| read(file.as_bytes(), take))
    }

    #[test]
    fn an_export_is_read() {
        let found = all(FILE).expect("an export");
        let [votes, Found::Comment(first), Found::Comment(second), pending] = &found[..] else { panic!("{found:?}") };
        assert_eq!(votes, &Found::Noted(Note::VotesDropped, "1".into()));
        assert_eq!((first.who.as_str(), first.is_pinned), ("블로그 mail otter@mail.example", true));
        assert_eq!((first.page.url.as_str(), first.at.timestamp()), ("/글/", 1_635_884_720));
        assert_eq!((second.parent.as_deref(), second.who.as_str()), (Some("1"), "블로그 name 벗"));
        assert_eq!(pending, &Found::LeftOut(LeftOut::Unapproved, "3".into()));
    }

    #[test]
    fn what_is_broken_is_named() {
        let cut: String = FILE.chars().take(FILE.chars().count() - 40).collect();
        assert_eq!(all(&cut), Err(ReadError::cut(4)));
        assert!(all("{}").expect_err("another").what.contains("Artalk"));
        let error =
            all(&FILE.replace("2021-11-02T20:26:20Z\",\"nick\":\"벗", "soon\",\"nick\":\"벗")).expect_err("no time");
        assert_eq!((error.line, error.what.as_str()), (3, "comment 2 has no time: \"soon\""));
    }
}
