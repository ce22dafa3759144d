//! The only reader of flags and environment. Each setting is typed, checked at start and documented by
//! `--help`.

mod moving;
mod settings;
mod values;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use clap::{
    CommandFactory, FromArgMatches, Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};

use crate::{amqp_client::AmqpUrl, logging::Format};
use chat_load::LoadOptions;
use chat_mail::SmtpUrl;
use chat_store::DatabaseUrl;

pub use moving::ImportFlags;
pub use settings::{
    DatabaseConfig, DrainConfig, GrpcConfig, LimitConfig, MailConfig, RateConfig, ServeConfig, SessionConfig,
    SiteConfig,
};
pub use values::{Registering, RoomListFor, Secret, Switch};

use values::database_url;

/// What the program is asked to do.
#[derive(Debug, Parser)]
#[command(name = "realtime-chat", version, about, disable_help_subcommand = true)]
pub struct Config {
    /// What to do; without a command: serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub serve: ServeConfig,
}

/// What else can be done than serving. Its help lists what it takes; the settings of the server that matter to it as well (how
/// the database is reached) are read from the environment.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Bring the database's schema up to date, and end.
    #[command(after_help = OTHER_SETTINGS)]
    Migrate(DatabaseFlags),
    /// Begin a new epoch of every room (after a restore from a backup), and end.
    #[command(after_help = OTHER_SETTINGS)]
    NewEpoch {
        /// Of this room only: whoever is in it starts over with what the database has (after a message was removed
        /// by hand).
        #[arg(long, value_name = "ID")]
        room: Option<String>,
        /// Which database.
        #[command(flatten)]
        flags: DatabaseFlags,
    },
    /// SQLite: copy the database into a new file while a server uses it, and end.
    Backup {
        /// The file to make.
        file: PathBuf,
        /// Which database.
        #[command(flatten)]
        flags: DatabaseFlags,
    },
    /// SQLite: put a backup where there is no database yet, begin a new epoch of every room, and end.
    Restore {
        /// The backup.
        file: PathBuf,
        /// Which database.
        #[command(flatten)]
        flags: DatabaseFlags,
    },
    /// Print a one-time code by which the owner signs in, in the chat under any post or over the API, and end.
    #[command(after_help = OTHER_SETTINGS)]
    Owner(DatabaseFlags),
    /// Make a new key that access tokens are signed with, and end: those signed before are good for nothing, and clients
    /// renew them.
    #[command(after_help = OTHER_SETTINGS)]
    RotateKeys(DatabaseFlags),
    /// Give a room another name, by which it is reached as well (after a post has moved), and end.
    #[command(after_help = OTHER_SETTINGS)]
    RenameRoom {
        /// A name that it has: what stands behind /room/ in the page's address.
        old: String,
        /// The one that it gets. It must have no messages.
        new: String,
        /// Which database.
        #[command(flatten)]
        flags: DatabaseFlags,
    },
    /// Say what would be removed for good, or with --yes remove it, and end: what an author wrote, a room, or all that is
    /// older than a day.
    #[command(after_help = OTHER_SETTINGS, group = clap::ArgGroup::new("what").required(true))]
    Purge {
        /// All messages of an author, by the id that stands beside them; others see them as deleted.
        #[arg(long, value_name = "ID", group = "what")]
        author: Option<String>,
        /// All messages of a room; whoever is in it starts over.
        #[arg(long, value_name = "ID", group = "what")]
        room: Option<String>,
        /// All messages from before a day (2025-01-31, in UTC) that is a week ago at least.
        #[arg(long, value_name = "DAY", group = "what")]
        before: Option<chrono::NaiveDate>,
        /// Remove it.
        #[arg(long)]
        yes: bool,
        /// Which database.
        #[command(flatten)]
        flags: DatabaseFlags,
    },
    /// Write all rooms into a file of JSON Lines, beside a running server, and end.
    #[command(after_help = OTHER_SETTINGS)]
    Export {
        /// Only this room; may be given several times.
        #[arg(long = "room", value_name = "ID")]
        rooms: Vec<String>,
        /// The file to make, packed where it ends in .gz; without it all goes to the standard output.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Which database.
        #[command(flatten)]
        flags: DatabaseFlags,
    },
    /// Store what an export of this program or of another system holds, and end.
    #[command(after_help = OTHER_SETTINGS)]
    Import(Box<ImportFlags>),
    /// Ask the server that listens on CHAT_LISTEN whether it is live, and end with 0 or 1.
    Healthcheck {
        /// Ask whether it is ready for visitors instead (red while it starts or stops).
        #[arg(long)]
        ready: bool,
        /// Address that the server listens on. [env: CHAT_LISTEN] [default: 127.0.0.1:8080]
        #[arg(long, value_name = "IP:PORT")]
        listen: Option<SocketAddr>,
    },
    /// Play many visitors against a server, and say what they saw.
    Load(Box<LoadOptions>),
}

const OTHER_SETTINGS: &str =
    "How the database is reached is a matter of the environment as well: `realtime-chat --help` lists every setting.";

/// Flags of the commands that work on the database. They have no variable of their own: one that is given wins over the
/// setting of the same name, which has.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DatabaseFlags {
    /// Where messages are kept. [env: DATABASE_URL] [default: sqlite://data/chat.db]
    #[arg(long, value_name = "URL", value_parser = database_url)]
    pub database_url: Option<DatabaseUrl>,
    /// What a line of the log looks like. [env: CHAT_LOG_FORMAT] [default: text]
    #[arg(long, value_name = "text|json")]
    pub log_format: Option<Format>,
}

impl DatabaseFlags {
    /// What was given wins.
    fn settle(self, serve: &mut ServeConfig) {
        serve.site.database_url = self.database_url.unwrap_or_else(|| serve.site.database_url.clone());
        serve.site.log_format = self.log_format.unwrap_or(serve.site.log_format);
    }
}

/// The commit that this was built from, where whoever built it said so. No build depends on anything else than the
/// sources and this.
pub const BUILD_COMMIT: &str = match option_env!("CHAT_BUILD_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

impl Config {
    /// Reads flags and environment. Where one is wrong, prints one line that names it, without its value
    /// (it may be a password), and ends the process with 2.
    pub fn read() -> Self {
        Self::read_from(std::env::args_os()).map(Self::settled).unwrap_or_else(|error| {
            match wrong_setting(&error, std::env::args()).or_else(|| wrong_usage(&error)) {
                Some(line) => {
                    eprintln!("error: {line}");
                    std::process::exit(2)
                }
                None => error.exit(),
            }
        })
    }

    fn read_from(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(arguments)?;
        let is_flag = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let mut config = Self::from_arg_matches(&matches)?;
        if is_flag("secret") {
            config.serve.secrets_in_flags.push("CHAT_SECRET");
        }
        if is_flag("sites") {
            config.serve.secrets_in_flags.push("CHAT_SITES");
        }
        let has_password = |url: &str| {
            let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
            let login = rest.and_then(|rest| rest.rsplit_once('@'));
            login.is_some_and(|(login, _)| login.contains(':'))
        };
        let url = matches.get_raw("database_url").into_iter().flatten().map(|url| url.to_string_lossy().into_owned());
        if is_flag("database_url") && url.into_iter().any(|url| has_password(&url)) {
            config.serve.secrets_in_flags.push("DATABASE_URL");
        }
        if is_flag("smtp_url") && config.serve.mail.smtp_url.as_ref().is_some_and(SmtpUrl::has_password) {
            config.serve.secrets_in_flags.push("CHAT_SMTP_URL");
        }
        if is_flag("amqp_url") && config.serve.site.amqp_url.as_ref().is_some_and(AmqpUrl::has_password) {
            config.serve.secrets_in_flags.push("CHAT_AMQP_URL");
        }
        if is_flag("bus") && config.serve.database.bus.has_password() {
            config.serve.secrets_in_flags.push("CHAT_BUS");
        }
        Ok(config)
    }

    /// What a command was given behind its name wins over the setting of that name.
    fn settled(mut self) -> Self {
        match &self.command {
            Some(
                Command::Migrate(flags)
                | Command::Owner(flags)
                | Command::RotateKeys(flags)
                | Command::RenameRoom { flags, .. }
                | Command::Purge { flags, .. }
                | Command::NewEpoch { flags, .. }
                | Command::Backup { flags, .. }
                | Command::Restore { flags, .. }
                | Command::Export { flags, .. },
            ) => flags.clone().settle(&mut self.serve),
            Some(Command::Import(import)) => import.flags.clone().settle(&mut self.serve),
            Some(Command::Healthcheck { listen: Some(listen), .. }) => self.serve.site.listen = *listen,
            Some(Command::Healthcheck { .. } | Command::Load(_)) | None => {}
        }
        self
    }
}

/// The host's name as Linux has it, or nothing: a part of the name that a server gives itself.
pub fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

/// Where files may lie for a while (`TMPDIR`).
pub fn temporary_files() -> PathBuf {
    std::env::temp_dir()
}

/// Whether a terminal may be written to in colours (no-color.org).
pub fn likes_colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// One line for a setting's value that could not be read. The load tester's options have no variables, but some have the
/// name of a setting.
fn wrong_setting(error: &clap::Error, arguments: impl Iterator<Item = String>) -> Option<String> {
    let program = Config::command();
    let is_command = |argument: &String| program.get_subcommands().any(|command| command.get_name() == *argument);
    let command = arguments.skip(1).find(is_command);
    if command.as_deref() == Some("load") { None } else { wrong_value(error) }
}

fn wrong_value(error: &clap::Error) -> Option<String> {
    if !matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
        return None;
    }
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return None };
    let flag = argument.split_whitespace().next()?;
    let command = Config::command();
    let known = command.get_arguments().find(|a| a.get_long().is_some_and(|long| flag == format!("--{long}")))?;
    let variable = known.get_env().map(|e| e.to_string_lossy().into_owned())?;
    let why = match std::error::Error::source(error) {
        Some(cause) => cause.to_string(),
        None => format!("expected {}", known.get_value_names()?.iter().map(|n| n.to_string()).collect::<String>()),
    };
    Some(format!("{variable} ({flag}) is wrong: {why}"))
}

/// One line for whatever else is wrong with the arguments; nothing where help or the version was asked for.
fn wrong_usage(error: &clap::Error) -> Option<String> {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return None;
    }
    let text = error.render().to_string();
    let first: Vec<_> = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    Some(first.join(" ").trim_start_matches("error: ").to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(flags: &[&str]) -> Result<Config, clap::Error> {
        Config::try_parse_from([&["realtime-chat"], flags].concat())
    }

    #[test]
    fn a_wrong_value_is_named_and_never_printed() {
        for (flag, value, variable) in [
            ("--listen", "nowhere", "CHAT_LISTEN"),
            ("--database-url", "mysql://hidden", "DATABASE_URL"),
            ("--secret", "hidden", "CHAT_SECRET"),
            ("--sites", "hidden", "CHAT_SITES"),
            ("--sites", r#"[{"iss": "a", "aud": "b", "alg": "HS256", "secret": "hidden"}]"#, "CHAT_SITES"),
            ("--rate-limits", "maybe", "CHAT_RATE_LIMITS"),
            ("--guard", "maybe", "CHAT_GUARD"),
            ("--heartbeat", "-1", "CHAT_HEARTBEAT_SECS"),
            ("--sessions-max", "many", "CHAT_SESSIONS_MAX"),
            ("--trusted-proxies", "10.0.0.0/99", "CHAT_TRUSTED_PROXIES"),
            ("--origins", "app.example", "CHAT_ORIGINS"),
            ("--server-id", "one and a half", "CHAT_SERVER_ID"),
            ("--advertise-url", "http://user:hidden@host", "CHAT_ADVERTISE_URL"),
            ("--base-path", "//hidden", "CHAT_BASE_PATH"),
            ("--keep-alive", "0.5", "CHAT_KEEP_ALIVE_SECS"),
            ("--admin-token", "hidden", "CHAT_ADMIN_TOKEN"),
            ("--bus", "redis://u:hidden@", "CHAT_BUS"),
            ("--retention-days", "hidden", "CHAT_RETENTION_DAYS"),
            ("--archive-months", "hidden", "CHAT_ARCHIVE_MONTHS"),
            ("--smtp-url", "smtp://u:hidden@", "CHAT_SMTP_URL"),
            ("--mail-from", "nobody", "CHAT_MAIL_FROM"),
            ("--contact-to", "nobody", "CHAT_CONTACT_TO"),
            ("--public-url", "chat.example", "CHAT_PUBLIC_URL"),
        ] {
            let error = parse(&[&format!("{flag}={value}")]).expect_err(flag);
            let line = wrong_value(&error).expect(flag);
            assert!(line.contains(variable) && line.contains(flag), "{line}");
            assert!(!line.contains(value) && !line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn a_secret_in_a_flag_is_noticed() {
        let of = |flags: &[&str]| {
            let config = Config::read_from([&["realtime-chat"], flags].concat()).expect("valid");
            config.serve.secrets_in_flags
        };
        assert!(of(&[]).is_empty());
        assert!(of(&["--database-url", "postgres://chat@db/chat"]).is_empty());
        assert!(of(&["--database-url=sqlite://data/a:b@c.db"]).is_empty(), "a path");
        assert_eq!(of(&["--secret", "0123456789abcdef"]), ["CHAT_SECRET"]);
        assert_eq!(of(&["--database-url", "postgres://chat:hidden@db/chat"]), ["DATABASE_URL"]);
        assert_eq!(of(&["--smtp-url", "smtps://chat:hidden@mail"]), ["CHAT_SMTP_URL"]);
        assert!(of(&["--smtp-url", "smtps://mail"]).is_empty());
        assert_eq!(of(&["--bus", "redis://chat:hidden@cache"]), ["CHAT_BUS"]);
        assert!(of(&["--bus", "redis://cache"]).is_empty());
    }

    #[test]
    fn every_setting_has_a_twin_in_the_environment_and_a_description() {
        for argument in
            Config::command().get_arguments().filter(|a| !["help", "version"].contains(&a.get_id().as_str()))
        {
            assert!(argument.get_env().is_some() && argument.get_help().is_some(), "{}", argument.get_id());
        }
    }

    #[test]
    fn each_command_lists_what_it_takes_and_nothing_else() {
        let expected = [
            ("migrate", &["database-url", "log-format"][..]),
            ("new-epoch", &["room", "database-url", "log-format"]),
            ("backup", &["database-url", "log-format"]),
            ("restore", &["database-url", "log-format"]),
            ("owner", &["database-url", "log-format"]),
            ("rotate-keys", &["database-url", "log-format"]),
            ("rename-room", &["database-url", "log-format"]),
            ("purge", &["author", "room", "before", "yes", "database-url", "log-format"]),
            ("export", &["room", "output", "database-url", "log-format"]),
            ("import", &["merge", "dry-run", "report", "room-from", "site", "database-url", "log-format"]),
            ("healthcheck", &["ready", "listen"]),
        ];
        let mut program = Config::command();
        program.build();
        let settings: Vec<_> = Config::command().get_arguments().filter_map(|a| a.get_env().map(Into::into)).collect();
        for command in program.get_subcommands() {
            let flags: Vec<&str> = command
                .get_arguments()
                .filter(|a| !a.is_hide_set())
                .filter_map(|a| a.get_long())
                .filter(|f| *f != "help")
                .collect();
            match expected.iter().find(|(name, _)| *name == command.get_name()) {
                Some((name, takes)) => assert_eq!(&flags, takes, "{name}"),
                None => {
                    assert_eq!(command.get_name(), "load");
                    assert!(flags.contains(&"url") && !flags.contains(&"database-url"), "{flags:?}");
                    assert!(!flags.contains(&"listen") && !flags.contains(&"log-format"), "{flags:?}");
                }
            }
            // Whatever a help names as a variable is one.
            let help = command.clone().render_long_help().to_string();
            for named in help.split("[env: ").skip(1).filter_map(|rest| rest.split([']', '=']).next()) {
                assert!(settings.contains(&OsString::from(named)), "{named}");
            }
        }
    }

    #[test]
    fn an_option_of_the_load_tester_is_not_taken_for_a_setting() {
        let said = |flags: &[&str]| {
            let error = parse(flags).expect_err("a wrong value");
            let arguments = ["realtime-chat"].iter().chain(flags).map(|s| (*s).to_owned());
            wrong_setting(&error, arguments).or_else(|| wrong_usage(&error)).expect("a line")
        };
        let line = said(&["load", "--threads=0"]);
        assert!(line.contains("--threads") && line.contains("1 to 64") && !line.contains("CHAT_"), "{line}");
        assert!(said(&["--threads=0"]).contains("CHAT_THREADS"));
        assert!(said(&["migrate", "--database-url=mysql://x"]).contains("DATABASE_URL"));
    }

    #[test]
    fn a_flag_behind_the_command_wins_over_one_before_it() {
        let listen = |flags: &[&str]| parse(flags).expect("valid").settled().serve.site.listen.port();
        assert_eq!(listen(&["--listen=127.0.0.1:1", "healthcheck"]), 1);
        assert_eq!(listen(&["--listen=127.0.0.1:1", "healthcheck", "--listen=127.0.0.1:2"]), 2);
        let config = parse(&["backup", "copy.db", "--database-url=sqlite://other.db", "--log-format=json"]);
        let site = config.expect("valid").settled().serve.site;
        assert_eq!(site.database_url.sqlite_path(), Some(Path::new("other.db")));
        assert_eq!(site.log_format, Format::Json);
        assert!(parse(&["load", "--database-url=sqlite://other.db"]).is_err(), "the load tester has no database");
    }

    /// The same test without the feature: the switch is not there.
    #[test]
    fn only_builds_with_fault_injection_can_be_broken_on_purpose() {
        assert_eq!(parse(&["--broken=early-ack"]).is_ok(), cfg!(feature = "fault-injection"));
        let help = Config::command().render_long_help().to_string();
        assert!(help.contains("--threads"), "{help}");
        assert!(!help.contains("--broken") && !help.contains("CHAT_BROKEN"), "{help}");
    }

    #[test]
    fn lists_are_read() {
        let config = parse(&["--origins", "https://A.example,http://b:81/", "--trusted-proxies", "10.0.0.0/8, ::1"]);
        let site = config.expect("valid").serve.site;
        assert_eq!(site.origins, ["https://a.example", "http://b:81"]);
        assert_eq!(site.trusted_proxies.len(), 2);
    }
}
