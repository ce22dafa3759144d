//! The embedded migrations, and what they add to an empty database.

use diesel::{
    backend::Backend,
    migration::{Migration, MigrationSource, MigrationVersion},
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use uuid::Uuid;

use super::{error::StoreError, rows::MetaRow, sql_types::Key};

pub(super) const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgresql");
pub(super) const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Length of the secret, in bytes: as long as the hash it is used with (RFC 2104, section 3).
const SECRET_BYTES: usize = 32;

/// Applies what is missing, one migration after the other, and tells their names.
pub(super) fn apply<DB: Backend>(
    harness: &mut impl MigrationHarness<DB>,
    migrations: EmbeddedMigrations,
) -> Result<Vec<String>, StoreError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let broken = |error: Box<dyn std::error::Error + Send + Sync>| {
        let text: String = error.to_string().chars().take(300).collect();
        StoreError::Broken(format!("a migration failed: {text}").into())
    };
    let mut applied = Vec::new();
    for migration in harness.pending_migrations(migrations).map_err(broken)? {
        harness.run_migration(&migration).map_err(broken)?;
        applied.push(migration.name().to_string());
    }
    Ok(applied)
}

/// Whether all of `migrations` are among the applied ones. A newer release may have applied more.
pub(super) fn all_applied<DB: Backend>(migrations: &EmbeddedMigrations, applied: &[String]) -> bool
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let Ok(all) = <EmbeddedMigrations as MigrationSource<DB>>::migrations(migrations) else { return false };
    all.iter().all(|m| applied.iter().any(|a| m.name().version() == MigrationVersion::from(a.as_str())))
}

/// A row for `meta`, to be stored where there is none.
pub(super) fn new_meta_row() -> Result<MetaRow, StoreError> {
    let mut secret = vec![0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(|_| StoreError::Broken("the system gives no random bytes".into()))?;
    Ok(MetaRow { epoch: Key(Uuid::new_v4()), secret })
}
