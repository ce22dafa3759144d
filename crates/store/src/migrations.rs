//! The migrations inside the binary, and how they are applied to a SQLite file; `postgres::migrate` applies the others.
//!
//! Own code: a library would run them on one session and under a lock of that session, which neither survives a pooler
//! nor goes together with `CREATE INDEX CONCURRENTLY`.

use std::borrow::Cow;

use diesel::{
    QueryResult, RunQueryDsl, connection::SimpleConnection, dsl::sql, sql_query, sql_types::Text,
    sqlite::SqliteConnection,
};
use uuid::Uuid;

use crate::{
    error::StoreError,
    tables::{rows::NewMetaRow, sql_types::Key},
};

/// The folders of one database under migrations/, oldest first.
macro_rules! embedded {
    ($database:literal: $($name:literal),+ $(,)?) => {
        [$(Migration {
            name: Cow::Borrowed($name),
            up: Cow::Borrowed(include_str!(concat!("../../../migrations/", $database, "/", $name, "/up.sql"))),
        }),+]
    };
}

/// The same ones for each database.
macro_rules! migrations_of {
    ($database:literal) => {
        embedded!(
            $database:
            "20261120000000_create_chat",
            "20261128000000_add_servers",
            "20261129000000_add_room_guards",
            "20261129000100_add_changes",
            "20261129000200_index_changed_messages",
            "20261129000300_index_pinned_messages",
            "20261130000000_add_presence",
            "20261201000000_add_people",
            "20261201000100_add_moderation",
            "20261201000200_add_held",
            "20261201000300_index_guard_entries",
            "20261202000000_add_accounts",
            "20261203000000_add_aliases",
            "20261204000000_add_first_seq",
            "20261204000100_add_room_aliases",
            "20261205000000_add_console",
            "20261206000000_add_mail",
            "20261211000000_add_api_keys",
            "20261212000000_add_webhooks",
            "20261213000000_add_archive",
            "20261214000000_add_confirmed_addresses",
            "20261214000100_add_device_removals",
            "20261215000000_webhook_kinds",
            "20261217000000_answer_mails",
        )
    };
}

pub(crate) const POSTGRES: [Migration; 24] = migrations_of!("postgresql");
pub(crate) const SQLITE: [Migration; 24] = migrations_of!("sqlite");

/// Where it is written which migrations were applied. Named and made as diesel's command line does it, so that this
/// can be used on the same database.
pub(crate) const APPLIED_TABLE: &str = "CREATE TABLE IF NOT EXISTS __diesel_schema_migrations (
    version VARCHAR(50) PRIMARY KEY NOT NULL,
    run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);";

/// Length of the secret, in bytes: as long as the hash it is used with (RFC 2104, section 3).
const SECRET_BYTES: usize = 32;

/// One folder under migrations/.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Migration {
    /// The folder's name: `<timestamp>_<verb_noun>`.
    pub name: Cow<'static, str>,
    /// The statements that apply it.
    pub up: Cow<'static, str>,
}

impl Migration {
    /// What is written down once it is applied: the timestamp.
    pub fn version(&self) -> &str {
        self.name.split('_').next().unwrap_or_default()
    }

    /// The index that this migration builds while others write. It consists of that one statement then, and runs
    /// outside a transaction, where PostgreSQL wants it.
    pub fn concurrent_index(&self) -> Option<&str> {
        let code = self.up.lines().filter(|line| !line.trim_start().starts_with("--"));
        let mut words = code.flat_map(str::split_whitespace).map(|word| word.trim_end_matches(';'));
        let mut next_is = |expected: &str| words.next().is_some_and(|word| word.eq_ignore_ascii_case(expected));
        let is_build = next_is("CREATE") && next_is("INDEX") && next_is("CONCURRENTLY");
        is_build.then(|| words.next()).flatten()
    }
}

/// Those of `migrations` that are not among the applied versions. A newer release may have applied more.
pub(crate) fn pending<'m>(migrations: &'m [Migration], applied: &[String]) -> Vec<&'m Migration> {
    migrations.iter().filter(|m| !applied.iter().any(|version| version == m.version())).collect()
}

/// The versions that were applied to a SQLite file.
pub(crate) fn applied_to_sqlite(c: &mut SqliteConnection) -> QueryResult<Vec<String>> {
    sql::<Text>("SELECT version FROM __diesel_schema_migrations").load(c)
}

/// Applies what is missing, within the transaction that the caller is in, and tells the names.
pub(crate) fn apply_to_sqlite(c: &mut SqliteConnection) -> QueryResult<Vec<String>> {
    c.batch_execute(APPLIED_TABLE)?;
    let applied = applied_to_sqlite(c)?;
    let mut names = Vec::new();
    for migration in pending(&SQLITE, &applied) {
        c.batch_execute(&migration.up)?;
        let insert = sql_query("INSERT INTO __diesel_schema_migrations (version) VALUES (?)");
        insert.bind::<Text, _>(migration.version()).execute(c)?;
        names.push(migration.name.to_string());
    }
    Ok(names)
}

/// A row for `meta`, to be stored where there is none. The name of the database is the database's own default, so
/// that a server of an older release, which does not know it, makes one as well.
pub(crate) fn new_meta_row() -> Result<NewMetaRow, StoreError> {
    let mut secret = vec![0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(|_| StoreError::Broken("the system gives no random bytes".into()))?;
    Ok(NewMetaRow { epoch: Key(Uuid::new_v4()), secret })
}

/// The migrations of a folder, behind this program's own: a test gives some that no release has.
#[cfg(any(test, feature = "fault-injection"))]
pub(crate) fn in_folder(folder: &std::path::Path) -> std::io::Result<Vec<Migration>> {
    let mut migrations = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let up = std::fs::read_to_string(entry.path().join("up.sql"))?;
        migrations.push(Migration { name: entry.file_name().to_string_lossy().into_owned().into(), up: up.into() });
    }
    migrations.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(migrations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index_of(up: &'static str) -> Option<String> {
        let migration = Migration { name: "1_x".into(), up: up.into() };
        migration.concurrent_index().map(str::to_owned)
    }

    #[test]
    fn an_index_that_is_built_while_others_write_is_found_by_its_statement() {
        let index = index_of("-- why\n\ncreate index concurrently idx_a\n  on t (a);\n");
        assert_eq!(index.as_deref(), Some("idx_a"));
        for other in ["CREATE INDEX a ON t (a);", "-- CREATE INDEX CONCURRENTLY a ON t (a);", "", "CREATE TABLE t ();"]
        {
            assert_eq!(index_of(other), None, "{other}");
        }
    }

    #[test]
    fn every_folder_is_embedded_and_in_order() {
        for (database, migrations) in [("postgresql", POSTGRES), ("sqlite", SQLITE)] {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(database);
            assert_eq!(in_folder(&folder).expect("the folder"), migrations, "{database}");
            for migration in &migrations {
                let version = migration.version();
                assert!(version.len() == 14 && version.bytes().all(|b| b.is_ascii_digit()), "{version}");
            }
        }
    }

    /// PostgreSQL takes several statements in one message for one transaction.
    #[test]
    fn what_runs_outside_a_transaction_is_one_statement() {
        for migration in &POSTGRES {
            let code: String = migration.up.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
            if code.to_ascii_uppercase().contains("CONCURRENTLY") {
                assert!(migration.concurrent_index().is_some(), "{}", migration.name);
                assert_eq!(code.matches(';').count(), 1, "{}", migration.name);
            }
        }
    }
}
