use super::{error::LoadError, numbers::count, options::LoadOptions, target::Target, text::RunId};

/// Open files besides those of the sessions.
const OTHER_FILES: u64 = 64;

/// What every scenario needs before it begins: a server that answers and may be loaded, enough files, and a number
/// that tells this run from all others.
/// Fails where one of these is not so.
pub fn prepare(options: &LoadOptions) -> Result<(Target, RunId), LoadError> {
    let target = Target::resolve(&options.url)?;
    if !target.address.ip().is_loopback() && !options.i_own_this_server {
        return Err(LoadError::NotOurs(options.url.clone()));
    }
    if options.rooms > options.sessions {
        return Err(LoadError::Options("--rooms: there are more rooms than sessions".into()));
    }
    raise_descriptors(options.sessions)?;
    target.knock(&options.url)?;
    let run = random_number().map_err(LoadError::Start)?;
    Ok((target, RunId::new(u32::try_from(run & u64::from(u32::MAX)).unwrap_or_default())))
}

/// A number that nobody can foresee.
/// Fails where the system has none.
pub fn random_number() -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// Every session is an open file.
fn raise_descriptors(wanted: usize) -> Result<(), LoadError> {
    let needed = count(wanted) + OTHER_FILES;
    let limit = rlimit::increase_nofile_limit(needed).map_err(LoadError::Start)?;
    if limit < needed { Err(LoadError::Descriptors { wanted, needed, limit }) } else { Ok(()) }
}
