//! What the program does besides serving, each until it is done or fails with an [`AppError`].

use std::path::Path;

use super::error::AppError;
#[cfg(feature = "fault-injection")]
use crate::fault_injection::Broken;
use crate::{
    accounts,
    config::ServeConfig,
    healthcheck,
    moderation::{CODE_TRIES, CODE_VALID, OneTimeCode},
};
use chat_domain::{AuthorId, AvatarName, IdentityKey, Nickname, RoomId, UserId};
use chat_store::{KEEPING, LivingServer, Rename, Renamed, Store, StoreError, StoreSettings};

/// Who does what is done by a command.
const OPERATOR: &str = "operator";

/// Brings the schema up to date.
pub fn migrate(config: &ServeConfig) -> Result<(), AppError> {
    let store = open_store(config, false)?;
    block_on(store.check())?;
    let applied = block_on(store.migrate())?;
    match applied.is_empty() {
        true => println!("the schema is up to date"),
        false => applied.iter().for_each(|name| println!("applied {name}")),
    }
    Ok(())
}

/// Prints a code by which the owner signs in; the first time it makes the owner.
pub fn owner(config: &ServeConfig) -> Result<(), AppError> {
    let store = open_store(config, false)?;
    block_on(store.migrate())?;
    let meta = block_on(store.meta())?;
    let secret = config.site.secret.as_ref().map_or(&meta.secret[..], |secret| secret.expose().as_bytes());
    let (code, key) = (OneTimeCode::random(), IdentityKey::new(secret));
    let nickname = Nickname::from_stored("Owner".to_owned());
    let avatar = AvatarName::derived_from(&key.user_author_id(UserId::from_uuid(uuid::Uuid::nil())));
    let named = (code.name().to_owned(), code.hash(&key));
    block_on(store.owner_code(named, (nickname, avatar), (CODE_TRIES, CODE_VALID)))?;
    println!("{code}");
    let setup = block_on(accounts::setup_code(&store, &key))?;
    eprintln!("This code signs the owner in, once, within ten minutes: in the chat under any post, by the profile's");
    eprintln!("\"I run this blog\", or over the API (docs/MODERATION.md).");
    if let Some(setup) = setup {
        let url = format!("http://{}{}/setup#{setup}", config.site.listen, config.site.base_path);
        eprintln!("And within fifteen minutes this gives the owner a mail address and a password: {url}");
    }
    Ok(())
}

/// Makes a new key that access tokens are signed with.
pub fn rotate_keys(config: &ServeConfig) -> Result<(), AppError> {
    let store = open_store(config, false)?;
    block_on(store.migrate())?;
    let key = accounts::rotated_key().ok_or_else(|| StoreError::Broken("the system gives no random bytes".into()))?;
    let n = block_on(store.rotate_keys(key))?;
    println!("a new key signs; {n} before it are good for nothing any more");
    Ok(())
}

/// Begins a new epoch of every room, or of this one.
pub fn new_epoch(config: &ServeConfig, room: Option<&str>) -> Result<(), AppError> {
    let unknown = |room: &str| AppError::NoSuchRoom(room.to_owned());
    let one = room.map(|room| RoomId::parse(room).map_err(|_| unknown(room))).transpose()?;
    let store = open_store(config, false)?;
    block_on(store.migrate())?;
    let epoch = match &one {
        None => block_on(store.new_epoch())?,
        Some(room) => block_on(store.new_room_epoch(room))?.ok_or_else(|| unknown(room.as_str()))?,
    };
    println!("new epoch {epoch}");
    Ok(())
}

/// Gives a room another name.
pub fn rename_room(config: &ServeConfig, old: &str, new: &str) -> Result<(), AppError> {
    let (unknown, no_name) = (|| AppError::NoSuchRoom(old.to_owned()), || AppError::NoName(new.to_owned()));
    let from = RoomId::parse(old).map_err(|_| unknown())?;
    let to = RoomId::parse(new).map_err(|_| no_name())?;
    let store = open_store(config, false)?;
    block_on(store.migrate())?;
    block_on(all_know_of_it(&store))?;
    match block_on(store.rename(Rename { from, to: to.clone(), by: AuthorId::from_stored(OPERATOR) }))? {
        Renamed::Done(entry, room) => {
            println!("{to} leads to {room} now; undo it by the entry {entry} in what was done");
        }
        Renamed::Unchanged => println!("{to} leads there already"),
        Renamed::NotFound => return Err(unknown()),
        Renamed::Taken | Renamed::Full => return Err(no_name()),
    }
    Ok(())
}

/// Whether every server on this database goes by what is removed and by other names.
pub(super) async fn all_know_of_it(store: &Store) -> Result<(), AppError> {
    let living = store.living_servers().await?;
    let knows = |server: &LivingServer| server.features.iter().any(|feature| feature == KEEPING);
    if living.iter().all(knows) { Ok(()) } else { Err(AppError::OldServer) }
}

/// Copies the SQLite database into a new file.
pub fn back_up(config: &ServeConfig, file: &Path) -> Result<(), AppError> {
    let stored = chat_store::back_up(&config.site.database_url, file)?;
    println!("{} messages of {} rooms are in {}", stored.n_messages, stored.n_rooms, file.display());
    Ok(())
}

/// Makes the SQLite database from a backup.
pub fn restore(config: &ServeConfig, file: &Path) -> Result<(), AppError> {
    let (stored, epoch) = chat_store::restore(&config.site.database_url, file)?;
    println!("{} messages of {} rooms are back", stored.n_messages, stored.n_rooms);
    println!("new epoch {epoch}");
    Ok(())
}

/// Asks the server that runs with this configuration whether it is live, or ready for visitors.
pub fn healthcheck(config: &ServeConfig, ready: bool) -> Result<(), AppError> {
    let path = if ready { "/readyz" } else { "/livez" };
    let address = healthcheck::ask(config.site.listen, path)?;
    println!("http://{address}{path} answered 200");
    Ok(())
}

/// The store runs its work on its own threads; this one only waits.
pub(super) fn block_on<T, E>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    actix::System::new().block_on(work)
}

pub(super) fn open_store(config: &ServeConfig, exclusive: bool) -> Result<Store, StoreError> {
    let settings = StoreSettings {
        pool_size: config.database.pool_size,
        pooler: config.database.pooler,
        exclusive,
        #[cfg(feature = "fault-injection")]
        more_migrations: config.database.more_migrations.clone(),
        #[cfg(feature = "fault-injection")]
        answers_early: config.broken == Some(Broken::EarlyAck),
        ..StoreSettings::default()
    };
    Store::new(&config.site.database_url, &settings)
}
