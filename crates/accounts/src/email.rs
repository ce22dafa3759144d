/// A mail address in lower case, at most 254 characters (RFC 5321, section 4.5.3.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

/// The text is no mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no mail address")]
pub struct InvalidEmail;

impl Email {
    /// Reads an address as somebody types it. Whether mail arrives there, only mail can tell; here it has a name, one `@`
    /// and a host with a dot, and nothing that a header could be broken with.
    ///
    /// # Errors
    /// [`InvalidEmail`].
    pub fn parse(typed: &str) -> Result<Self, InvalidEmail> {
        let text = typed.trim();
        let (name, host) = text.split_once('@').ok_or(InvalidEmail)?;
        let is_name = (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b))
            && !name.starts_with('.')
            && !name.ends_with('.')
            && !name.contains("..");
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let is_host = host.contains('.') && host.split('.').all(is_label);
        if is_name && is_host && text.len() <= 254 { Ok(Self(text.to_ascii_lowercase())) } else { Err(InvalidEmail) }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_typed() {
        for (typed, read) in [
            ("a@b.co", "a@b.co"),
            (" Otter.One+chat@Blog.Example ", "otter.one+chat@blog.example"),
            ("x_y-z@sub.domain.example", "x_y-z@sub.domain.example"),
        ] {
            assert_eq!(Email::parse(typed).map(|email| email.as_str().to_owned()), Ok(read.to_owned()));
        }
        for wrong in [
            "",
            "a",
            "@b.co",
            "a@",
            "a@b",
            "a@@b.co",
            "a@b@c.co",
            "a b@c.co",
            "a@b..co",
            "a@.co",
            "a@-b.co",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.co",
            "a@b.co\nBcc: c@d.co",
            "<a@b.co>",
            "수달@b.co",
            &format!("{}@b.co", "a".repeat(65)),
            &format!("a@{}.co", "b.".repeat(130)),
        ] {
            assert_eq!(Email::parse(wrong), Err(InvalidEmail), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_was_read_is_read_as_itself(typed in "[ -~]{0,12}@[a-zA-Z.-]{0,12}") {
            if let Ok(email) = Email::parse(&typed) {
                prop_assert_eq!(Email::parse(email.as_str()), Ok(email.clone()));
                prop_assert!(!email.as_str().contains(|c: char| c.is_whitespace() || c.is_uppercase() || c.is_control()));
            }
        }
    }
}
