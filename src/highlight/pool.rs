//! The threads that colour code: few, so that they take no room from chatting, with a short queue before them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    cache::{Cache, Key},
    spans::highlight,
};

/// Threads that colour code (docs/LIMITS.md).
const THREADS: usize = 2;
/// Codes that may wait for them.
const QUEUE_MAX: usize = 32;
/// What is not coloured after this time stays without colours. It is looked at between lines, and a line is short.
const TIME_MAX: Duration = Duration::from_millis(250);

/// Colours code, and remembers what it made.
#[derive(Default)]
pub struct Highlighter {
    cache: Arc<Mutex<Cache>>,
    /// The way to the threads, which begin with the first code: most servers may never see one.
    queue: OnceLock<SyncSender<Job>>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colours {
    /// As JSON: `{"language": …, "spans": [[length, class], …]}`.
    pub json: Bytes,
    /// It was kept: nothing had to be made.
    pub is_kept: bool,
}

/// As many codes wait as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

struct Job {
    language: String,
    code: String,
    key: Key,
    answer: oneshot::Sender<Bytes>,
}

impl Highlighter {
    /// Colours a code of at most [`super::CODE_BYTES_MAX`] bytes. Who stops waiting takes its place in the queue along.
    ///
    /// # Errors
    /// [`Full`] where it is not even begun.
    pub async fn highlight(&self, language: String, code: String) -> Result<Colours, Full> {
        let key = Key::of(&language, &code);
        let kept = lock(&self.cache).get(key);
        if let Some(json) = kept {
            return Ok(Colours { json, is_kept: true });
        }
        let (answer, answered) = oneshot::channel();
        let job = Job { language, code, key, answer };
        self.queue.get_or_init(|| start(&self.cache)).try_send(job).map_err(|_| Full)?;
        // No answer: the thread gave this code up.
        let json = answered.await.map_err(|_| Full)?;
        Ok(Colours { json, is_kept: false })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the threads. They end with the sender that is given back.
fn start(cache: &Arc<Mutex<Cache>>) -> SyncSender<Job> {
    let (sender, receiver) = sync_channel(QUEUE_MAX);
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..THREADS {
        let (receiver, cache) = (receiver.clone(), cache.clone());
        let thread = thread::Builder::new().name("highlight".to_owned());
        // Without any thread the queue is closed, and each code is told that it is full.
        if let Err(why) = thread.spawn(move || work(&receiver, &cache)) {
            log::error!("no thread to colour code: {why}");
        }
    }
    sender
}

fn work(queue: &Mutex<Receiver<Job>>, cache: &Mutex<Cache>) {
    loop {
        // The guard lives for this statement: one thread waits for the next job, the other for the guard.
        let job = lock(queue).recv();
        let Ok(Job { language, code, key, answer }) = job else { return };
        if answer.is_closed() {
            continue;
        }
        let began = Instant::now();
        // The syntaxes are data of others: one that fails at a text must not take the thread with it.
        let made = catch_unwind(AssertUnwindSafe(|| highlight(&language, &code, || began.elapsed() > TIME_MAX)));
        let Ok(made) = made else { continue };
        let Ok(json) = serde_json::to_vec(&made).map(Bytes::from) else { continue };
        // What was cut short may be whole another time, when the server has less to do.
        if !made.is_cut_short {
            lock(cache).put(key, json.clone());
        }
        let _ = answer.send(json);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn colours(pool: &Highlighter, code: &str) -> Result<Colours, Full> {
        pool.highlight("rs".into(), code.into()).await
    }

    #[tokio::test]
    async fn the_same_code_is_coloured_once() {
        let pool = Highlighter::default();
        let first = colours(&pool, "fn x").await.expect("colours");
        assert_eq!(first.json, r#"{"language":"rs","spans":[[2,"keyword"],[1,null],[1,"function"]]}"#);
        assert!(!first.is_kept);
        assert_eq!(colours(&pool, "fn x").await, Ok(Colours { is_kept: true, ..first }));
        assert_eq!(colours(&pool, "").await.expect("colours").json, r#"{"language":"rs","spans":[]}"#);
    }

    #[tokio::test]
    async fn what_does_not_fit_into_the_queue_is_told_so() {
        // A queue that nobody takes from.
        let (sender, receiver) = sync_channel(1);
        let pool = Highlighter { queue: OnceLock::from(sender), ..Highlighter::default() };
        let (one, other) = tokio::join!(colours(&pool, "a"), async {
            let refused = colours(&pool, "b").await;
            // The threads are gone: who waits is told.
            drop(receiver);
            refused
        });
        assert_eq!((one, other), (Err(Full), Err(Full)));
        assert_eq!(colours(&pool, "c").await, Err(Full));
    }
}
