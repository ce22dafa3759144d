use std::collections::BTreeSet;

use super::{error::LoadError, numbers::count, options::LoadOptions, target::Target, text::RunId};

/// Most servers: each pair of them has a histogram of its own.
const SERVERS_MAX: usize = 8;

/// Open files besides those of the sessions.
const OTHER_FILES: u64 = 64;

/// What every scenario needs before it begins: servers that answer and may be loaded, in the order they were named,
/// enough files, and a number that tells this run from all others.
/// Fails where one of these is not so.
pub fn prepare(options: &LoadOptions) -> Result<(Vec<Target>, RunId), LoadError> {
    let targets = targets(options)?;
    if options.rooms > options.sessions {
        return Err(LoadError::Options("--rooms: there are more rooms than sessions".into()));
    }
    raise_descriptors(options.sessions)?;
    for (target, url) in targets.iter().zip(&options.urls) {
        target.knock(url)?;
    }
    let run = random_number().map_err(LoadError::Start)?;
    Ok((targets, RunId::new(u32::try_from(run & u64::from(u32::MAX)).unwrap_or_default())))
}

fn targets(options: &LoadOptions) -> Result<Vec<Target>, LoadError> {
    if options.urls.len() > SERVERS_MAX {
        return Err(LoadError::Options(format!("--url: there are {SERVERS_MAX} servers at most")));
    }
    let targets = options.urls.iter().map(|url| Target::resolve(url)).collect::<Result<Vec<_>, _>>()?;
    for (target, url) in targets.iter().zip(&options.urls) {
        if !target.address.ip().is_loopback() && !options.i_own_this_server {
            return Err(LoadError::NotOurs(url.clone()));
        }
    }
    let places: BTreeSet<_> = targets.iter().map(|target| (target.address, &target.path)).collect();
    if places.len() < targets.len() {
        return Err(LoadError::Options("--url: the same server is named twice".into()));
    }
    Ok(targets)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::tests::parse;

    #[test]
    fn servers_are_different_ones_and_all_may_be_loaded() {
        for (urls, n, wrong) in [
            (&["http://127.0.0.1:1", "http://127.0.0.1:2"][..], 2, ""),
            (&["http://127.0.0.1:1", "ws://127.0.0.1:1/"], 0, "twice"),
            (&["http://127.0.0.1:1", "http://192.0.2.1:1"], 0, "http://192.0.2.1:1 is not this machine"),
            (&["http://127.0.0.1:1", "here"], 0, "here"),
            (&["http://127.0.0.1:1"; 9], 0, "8 servers at most"),
        ] {
            let flags: Vec<&str> = urls.iter().flat_map(|url| ["--url", url]).collect();
            match targets(&parse(&flags).expect("options")) {
                Ok(targets) => assert_eq!((targets.len(), wrong), (n, ""), "{urls:?}"),
                Err(error) => assert!(!wrong.is_empty() && error.to_string().contains(wrong), "{urls:?}: {error}"),
            }
        }
    }
}
