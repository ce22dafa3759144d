//! The types of settings, and how their values are read: what is wrong is said without the value.

use std::{ops::RangeInclusive, time::Duration};

use clap::ValueEnum;
use ipnet::IpNet;

use chat_accounts::{Email, InvalidEmail, Sites, WrongSites};
use chat_moving::{Format, RoomFrom, Url};
use chat_store::DatabaseUrl;

/// Whether something applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// It does.
    On,
    /// It does not.
    Off,
}

/// Who may see the list of rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoomListFor {
    /// Who says what a room is.
    Team,
    /// Everybody.
    Public,
}

/// Who may make themselves an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Registering {
    /// Who is invited.
    Invite,
    /// Everybody.
    Open,
    /// Nobody.
    Closed,
}

/// Text that must never be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

pub(super) fn database_url(text: &str) -> Result<DatabaseUrl, String> {
    let url = DatabaseUrl::parse(text).map_err(|e| e.to_string())?;
    let is_folder = url.sqlite_path().is_some_and(|path| path.is_dir());
    if is_folder { Err("the path of the SQLite file is that of a folder".into()) } else { Ok(url) }
}

pub(super) fn format(text: &str) -> Result<Format, String> {
    let names = || Format::ALL.map(Format::as_str).join(", ");
    Format::parse(text).ok_or_else(|| format!("it is one of {}", names()))
}

pub(super) fn room_from(text: &str) -> Result<RoomFrom, String> {
    let names = || RoomFrom::ALL.map(|(name, _)| name).join(", ");
    RoomFrom::parse(text).ok_or_else(|| format!("it is one of {}", names()))
}

/// A blog's address.
pub(super) fn site(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| "it is an address that begins with http:// or https://".into())
}

pub(super) fn secret(text: &str) -> Result<Secret, String> {
    let fits = text.chars().count() >= 16;
    fits.then(|| Secret(text.to_owned())).ok_or_else(|| "it has at least 16 characters".into())
}

pub(super) fn sites(text: &str) -> Result<Sites, WrongSites> {
    Sites::parse(text)
}

/// `scheme://host[:port]` without a path.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let lower = text.trim().trim_end_matches('/').to_ascii_lowercase();
    let host = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '*');
    if host.is_empty() || !host.chars().all(plain) {
        return Err("an origin is https://host or http://host, with :port where it is not the default one".into());
    }
    Ok(lower)
}

/// The same without a wildcard, which a WebSocket's Origin never matches.
pub(super) fn plain_origin(text: &str) -> Result<String, String> {
    let origin = origin(text)?;
    if origin.contains('*') { Err("an origin here has no '*'".into()) } else { Ok(origin) }
}

pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| "a network is an address with or without a prefix length, as 10.0.0.0/8".into())
}

/// `http[s]://host[:port]` and perhaps a path; it is shown to operators, so it has no password.
pub(super) fn advertise_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '~' | ':' | '[' | ']' | '/');
    if rest.is_empty() || rest.starts_with(['/', ':']) || text.len() > 255 || !rest.chars().all(plain) {
        return Err("it is http:// or https://, a host, and a port where it is not the default one".into());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

pub(super) fn email(text: &str) -> Result<Email, InvalidEmail> {
    Email::parse(text)
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "it is a number of seconds".to_owned())?;
    let range = "it is a number of seconds from 0 to 86400";
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err(range.into());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| range.into())
}

fn seconds_from(min: Duration, text: &str, why: &str) -> Result<Duration, String> {
    seconds(text).and_then(|duration| if duration < min { Err(why.into()) } else { Ok(duration) })
}

/// Nothing would ever be in time, or everything always.
pub(super) fn some_seconds(text: &str) -> Result<Duration, String> {
    seconds_from(Duration::from_millis(10), text, "it is a number of seconds from 0.01 to 86400")
}

/// Sessions are looked at once a second, so less has no meaning.
pub(super) fn seconds_from_one(text: &str) -> Result<Duration, String> {
    seconds_from(Duration::from_secs(1), text, "it is a number of seconds from 1 to 86400")
}

fn within(range: RangeInclusive<usize>, text: &str, why: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| range.contains(n)).ok_or_else(|| why.into())
}

pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    within(1..=usize::MAX, text, "it is a whole number from 1")
}

/// A retry of a message finds the one that it repeats for a week (P4).
pub(super) fn days(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|n| (7..=36_500).contains(n))
        .ok_or_else(|| "it is a number of days from 7 to 36500".into())
}

/// A frame of 2,000 characters and its escapes must fit.
pub(super) fn outbox_kib(text: &str) -> Result<usize, String> {
    within(128..=65_536, text, "it is a number of KiB from 128 to 65536")
}

pub(super) fn threads(text: &str) -> Result<usize, String> {
    within(1..=1_024, text, "it is a number from 1 to 1024")
}
