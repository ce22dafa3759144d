use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::ValueEnum;

use super::{
    mix::Mix,
    numbers::{count, float, time},
    text,
    threshold::Threshold,
};

/// What the sessions do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// They stay, and messages come at an even rate.
    Steady,
    /// The same, and in the middle all connections break at once and come back at once.
    Storm,
    /// The same, and in the middle the rate is many times as high for a while.
    Spike,
    /// The same, and sessions leave and come back all the time.
    Churn,
    /// They stay, and nobody says anything.
    Idle,
    /// Looks for the highest rate that the server holds.
    Max,
    /// One rude visitor: invented identities, long texts, all that the server takes. Against the usual limits.
    Flood,
    /// Some talk, and after a third of the time others raid their room: what is shown, held and refused.
    Raid,
}

/// What the raiders of a raid do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RaidKind {
    /// One identity writes without a pause.
    Identity,
    /// Many new identities, each its own texts.
    Identities,
    /// Many new identities, one text with small changes.
    Pasted,
    /// Ever new identities, each its own text with a link.
    Links,
    /// Ever new identities, one text with small changes, seldom.
    SlowDrip,
}

/// Whether something applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// It does.
    On,
    /// It does not.
    Off,
}

/// What `realtime-chat load` is asked to do.
#[derive(Debug, Clone, clap::Args)]
#[command(about = "Play many visitors against a server, and say what they saw.", next_line_help = false)]
pub struct LoadOptions {
    /// The server: http://host:port or ws://host:port. It needs CHAT_RATE_LIMITS=off, but for flood and raid. Given several
    /// times: servers of one chat, and the people of each room are spread over them.
    #[arg(long = "url", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub urls: Vec<String>,
    /// What the sessions do.
    #[arg(long, value_enum, default_value = "steady", value_name = "NAME")]
    pub scenario: Scenario,
    /// Sessions in all.
    #[arg(long, default_value = "100", value_name = "N", value_parser = up_to::<1_000_000>)]
    pub sessions: usize,
    /// Rooms that they are spread over.
    #[arg(long, default_value = "1", value_name = "N", value_parser = up_to::<1_000_000>)]
    pub rooms: usize,
    /// Rooms are called NAME-0, NAME-1 and so on; unset: new ones with each run.
    #[arg(long, value_name = "NAME", value_parser = room)]
    pub room: Option<String>,
    /// Sessions that write, in turn; unset: all.
    #[arg(long, value_name = "N", value_parser = up_to::<1_000_000>)]
    pub writers: Option<usize>,
    /// Messages a second in all; unset: 20. With max: the first one tried. With raid: of the raiders.
    #[arg(long, value_name = "N", value_parser = rate, conflicts_with = "think")]
    pub rate: Option<f64>,
    /// Instead of a rate: time between two messages of one writer, as 30s.
    #[arg(long, value_name = "TIME", value_parser = some_time)]
    pub think: Option<Duration>,
    /// Bytes of text in a message, from 40 to 2000; unset: 100. With flood: as many as the server takes.
    #[arg(long, value_name = "BYTES", value_parser = payload)]
    pub payload: Option<usize>,
    /// What each writer sends besides messages, in percent, as edits=5,deletions=2,reactions=10; unset: nothing.
    #[arg(long, value_name = "PARTS", value_parser = Mix::parse)]
    pub mix: Option<Mix>,
    /// Time over which the sessions come; unset: 500 a second, 1s at least.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub ramp: Option<Duration>,
    /// How long messages are sent once all are there; with max: each step.
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = some_time)]
    pub duration: Duration,
    /// How long the last messages are waited for; what is missing then is lost.
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = time)]
    pub drain: Duration,
    /// Whether sessions that come back say how far they were and get what they missed.
    #[arg(long, value_enum, default_value = "on", value_name = "on|off")]
    pub resume: Choice,
    /// Whether sessions offer compression, as browsers do (permessage-deflate).
    #[arg(long, value_enum, default_value = "off", value_name = "on|off")]
    pub compression: Choice,
    /// spike: how many times the rate.
    #[arg(long, default_value = "5", value_name = "N", value_parser = rate)]
    pub spike_factor: f64,
    /// spike: how long; unset: a quarter of the duration.
    #[arg(long, value_name = "TIME", value_parser = some_time)]
    pub spike: Option<Duration>,
    /// churn: how long a session stays on average.
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = some_time)]
    pub stay: Duration,
    /// churn: how long it stays away on average.
    #[arg(long, default_value = "1s", value_name = "TIME", value_parser = some_time)]
    pub away: Duration,
    /// raid: what the raiders do; --rate is theirs.
    #[arg(long, value_enum, default_value = "identities", value_name = "KIND")]
    pub raid: RaidKind,
    /// max: the highest p99 of deliveries that counts as held.
    #[arg(long, default_value = "500ms", value_name = "TIME", value_parser = some_time)]
    pub max_p99: Duration,
    /// Exit code 1 where this is true at the end, as 'p99>500ms', 'lost>0', 'errors>0'; may be given many times.
    #[arg(long, value_name = "CONDITION", value_parser = Threshold::parse)]
    pub fail_if: Vec<Threshold>,
    /// Where to write everything as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Where to write a page with plots.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Process id of the server, on this machine: its processor time and memory are reported. With several servers once
    /// for each: the report has their sum.
    #[arg(long = "server-pid", value_name = "PID")]
    pub server_pids: Vec<u32>,
    /// The server's metrics, as http://127.0.0.1:8080/metrics: the same from there, and as often.
    #[arg(long, value_name = "URL")]
    pub metrics: Vec<String>,
    /// Load a server that is not on this machine.
    #[arg(long)]
    pub i_own_this_server: bool,
    /// Seed of all that is random; unset: a new one, printed.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Generator threads; unset: half of the cores, so that the other half is the server's.
    #[arg(long, value_name = "N", value_parser = up_to::<64>)]
    pub threads: Option<usize>,
    /// Addresses of this machine that sessions come from in turn, with commas; on loopback several are taken by
    /// themselves, since one address has no more than 28,000 ports.
    #[arg(long, value_name = "IPS", value_delimiter = ',')]
    pub source_addresses: Vec<std::net::IpAddr>,
}

impl LoadOptions {
    /// Sessions that write.
    pub fn n_writers(&self) -> usize {
        self.writers.unwrap_or(self.sessions).min(self.sessions)
    }

    /// Bytes of text in a message, in all scenarios but the flood.
    pub fn payload_or_default(&self) -> usize {
        self.payload.unwrap_or(100)
    }

    /// Messages a second in all.
    pub fn messages_per_second(&self) -> f64 {
        match (self.scenario, self.rate, self.think) {
            (Scenario::Idle, ..) => 0.0,
            (_, Some(rate), _) => rate,
            (_, None, Some(think)) => float(count(self.n_writers())) / think.as_secs_f64(),
            (_, None, None) => 20.0,
        }
    }

    /// Time over which the sessions come.
    pub fn ramp_or_default(&self) -> Duration {
        let usual = Duration::from_millis(count(self.sessions).saturating_mul(2));
        self.ramp.unwrap_or_else(|| usual.max(Duration::from_secs(1)))
    }

    /// Addresses that sessions come from; none: whatever the system takes.
    pub fn sources(&self, mut targets: impl Iterator<Item = SocketAddr>) -> Vec<std::net::IpAddr> {
        let are_loopback = targets.all(|target| target.ip().is_loopback() && target.is_ipv4());
        if !self.source_addresses.is_empty() || !are_loopback {
            return self.source_addresses.clone();
        }
        // Connections of a storm leave their ports behind for a minute, so one address serves few sessions.
        let n = u8::try_from(self.sessions.div_ceil(5_000)).unwrap_or(u8::MAX).clamp(1, 250);
        (1..=n).map(|last| std::net::IpAddr::from([127, 0, 0, last])).collect()
    }
}

fn some_time(written: &str) -> Result<Duration, String> {
    match time(written)? {
        Duration::ZERO => Err("it is longer than nothing".into()),
        some => Ok(some),
    }
}

fn up_to<const MAX: usize>(written: &str) -> Result<usize, String> {
    let number = written.parse().ok().filter(|n| (1..=MAX).contains(n));
    number.ok_or_else(|| format!("it is a whole number from 1 to {MAX}"))
}

fn rate(written: &str) -> Result<f64, String> {
    match written.parse() {
        Ok(n) if n > 0.0 && n <= 1e7 => Ok(n),
        _ => Err("it is a number above 0".into()),
    }
}

fn room(written: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if (1..=200).contains(&written.len()) && written.chars().all(is_plain) {
        Ok(written.to_owned())
    } else {
        Err("it is 1 to 200 ASCII letters, digits or any of - _ . :".into())
    }
}

fn payload(written: &str) -> Result<usize, String> {
    match written.parse() {
        Ok(n) if (text::BYTES_MIN..=text::BYTES_MAX).contains(&n) => Ok(n),
        _ => Err(format!("it is a number of bytes from {} to {}", text::BYTES_MIN, text::BYTES_MAX)),
    }
}

#[cfg(test)]
pub mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        load: LoadOptions,
    }

    pub fn parse(flags: &[&str]) -> Result<LoadOptions, clap::Error> {
        Program::try_parse_from([&["load"], flags].concat()).map(|p| p.load)
    }

    #[test]
    fn times_have_units() {
        for (written, millis) in
            [("500ms", 500), ("10s", 10_000), ("2m", 120_000), ("3", 3_000), ("0.5s", 500), ("0", 0)]
        {
            assert_eq!(time(written), Ok(Duration::from_millis(millis)), "{written}");
        }
        for wrong in ["", "s", "-1s", "10x", "1e99h", "NaN", "1 s"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn wrong_values_are_refused() {
        for flags in [
            ["--rate", "0"],
            ["--rate", "fast"],
            ["--sessions", "0"],
            ["--mix", "edits=5,pins=1"],
            ["--mix", "edits=60,reactions=40"],
            ["--payload", "39"],
            ["--payload", "2001"],
            ["--duration", "0s"],
            ["--scenario", "stormy"],
            ["--raid", "polite"],
            ["--fail-if", "p99"],
            ["--threads", "0"],
            ["--room", "a/b"],
            ["--source-addresses", "here"],
        ] {
            assert!(parse(&flags).is_err(), "{flags:?}");
        }
        assert!(parse(&["--rate", "1", "--think", "1s"]).is_err(), "one of both");
    }

    #[test]
    fn think_time_is_a_rate_of_all_writers() {
        let options = parse(&["--sessions", "600", "--writers", "300", "--think", "30s"]).expect("options");
        assert!((options.messages_per_second() - 10.0).abs() < 1e-9);
        let idle = parse(&["--scenario", "idle", "--rate", "5"]).expect("options");
        assert!(idle.messages_per_second() == 0.0);
    }

    #[test]
    fn loopback_gets_as_many_addresses_as_the_sessions_need() {
        let targets = |all: &[&str]| all.iter().map(|a| a.parse().expect("an address")).collect::<Vec<_>>().into_iter();
        let options = parse(&["--sessions", "20000"]).expect("options");
        assert_eq!(options.sources(targets(&["127.0.0.1:80"])).len(), 4);
        assert_eq!(options.sources(targets(&["127.0.0.1:80", "127.0.0.1:81"])).len(), 4);
        assert!(options.sources(targets(&["10.0.0.1:80"])).is_empty());
        assert!(options.sources(targets(&["127.0.0.1:80", "10.0.0.1:80"])).is_empty());
        let own = parse(&["--source-addresses", "10.0.0.2,10.0.0.3"]).expect("options");
        assert_eq!(own.sources(targets(&["10.0.0.1:80"])).len(), 2);
    }
}
