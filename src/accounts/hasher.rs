use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{sync::Semaphore, task::spawn_blocking};

use super::error::AccountError;

/// So many passwords are hashed at once: each takes 19 MiB and a processor for some hundredths of a second (people.md,
/// section 4).
const AT_ONCE_MAX: usize = 2;
/// So many wait for their turn: about two seconds of work. Beyond: OVERLOADED.
const WAITING_MAX: usize = 32;

/// Hashes passwords on threads that may block, a few at once, so that a flood of logins costs nobody's message anything.
pub struct Hasher {
    turns: Arc<Semaphore>,
    n_waiting: AtomicUsize,
}

/// One that waits, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE_MAX)), n_waiting: AtomicUsize::new(0) }
    }
}

impl Hasher {
    /// Does this once it is its turn. What began goes on to its end, also where nobody waits for it any more.
    ///
    /// # Errors
    /// [`AccountError::Busy`] where too many wait.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AccountError> {
        let n_before = self.n_waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.n_waiting);
        if n_before >= WAITING_MAX {
            return Err(AccountError::Busy);
        }
        // Never closed.
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| AccountError::Busy)?;
        let working = spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        working.await.map_err(|_| AccountError::Busy)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_work_some_wait_and_the_others_are_refused() {
        let hasher = Arc::new(Hasher::default());
        let (n_at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (open, gate) = mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..WAITING_MAX {
            let (hasher, gate) = (hasher.clone(), gate.clone());
            let (n_at_once, most) = (n_at_once.clone(), most.clone());
            all.spawn(async move {
                let work = move || {
                    most.fetch_max(n_at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let _ = gate.lock().expect("nobody panics with it").recv();
                    n_at_once.fetch_sub(1, Ordering::SeqCst);
                };
                hasher.run(work).await
            });
        }
        while hasher.n_waiting.load(Ordering::Relaxed) < WAITING_MAX {
            tokio::task::yield_now().await;
        }
        assert_eq!(hasher.run(|| ()).await, Err(AccountError::Busy));
        drop(open);
        assert!(all.join_all().await.iter().all(Result::is_ok));
        assert!(most.load(Ordering::SeqCst) <= AT_ONCE_MAX);
        assert_eq!(hasher.run(|| 7).await, Ok(7));
    }
}
