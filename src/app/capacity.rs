//! How many sessions, sockets and threads this machine has for the server.

use crate::config::ServeConfig;

/// Descriptors that are kept free for files, the database and requests that are no sessions: half of them for each.
/// Fewer where there are less than twice as many.
const SPARE_DESCRIPTORS: u64 = 500;
pub(super) fn threads(config: &ServeConfig) -> usize {
    config.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into))
}

/// As many sessions as are wanted and the descriptor limit allows.
pub(super) fn sessions_max(config: &ServeConfig) -> usize {
    let wanted = config.limits.sessions_max;
    let needed = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_add(SPARE_DESCRIPTORS);
    let allowed = rlimit::increase_nofile_limit(needed).unwrap_or(needed);
    if allowed >= needed {
        return wanted;
    }
    let fits = usize::try_from(allowed.saturating_sub(spare(allowed)).max(1)).unwrap_or(wanted);
    log::warn!("the descriptor limit of {allowed} allows {fits} sessions instead of {wanted}");
    fits
}

fn spare(allowed: u64) -> u64 {
    SPARE_DESCRIPTORS.min(allowed / 2)
}

/// Sockets that the descriptor limit allows, less what files and the database need: connections and sessions together,
/// and the same for those that the workers are given before they count them.
pub(super) fn sockets_max() -> (usize, usize) {
    let allowed = rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(u64::MAX, |(soft, _)| soft);
    let less = |n: u64| usize::try_from(allowed.saturating_sub(n)).unwrap_or(usize::MAX);
    (less(spare(allowed) / 2), less(spare(allowed) / 4))
}
