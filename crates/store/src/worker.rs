//! The thread of its own that does all of a store's work.

use std::{io, thread};

use tokio::{
    runtime::{Builder, Handle},
    sync::{mpsc, oneshot},
    task::{AbortHandle, LocalSet},
};

use crate::error::StoreError;

/// The thread that drives the connections and runs all work.
pub(crate) struct Worker {
    runtime: Handle,
    /// Things to do on the thread itself. It ends when this is gone.
    jobs: mpsc::Sender<Job>,
}

type Job = Box<dyn FnOnce() + Send>;

/// Jobs are few, and over at once: whoever has one waits until the queue takes it.
const JOBS_MAX: usize = 1;

impl Worker {
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().thread_name("store").enable_all().build()?;
        let handle = runtime.handle().clone();
        let (jobs, mut waiting) = mpsc::channel::<Job>(JOBS_MAX);
        let run = move || {
            LocalSet::new().block_on(&runtime, async {
                while let Some(job) = waiting.recv().await {
                    job();
                }
            });
            // A job that blocks may take as long as its statement: nobody waits for it any more.
            runtime.shutdown_background();
        };
        thread::Builder::new().name("store".into()).spawn(run)?;
        Ok(Self { runtime: handle, jobs })
    }

    /// Runs work to its end, also where nobody waits for it any more.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.runtime.spawn(work).await.unwrap_or_else(|_| Err(ended()))
    }

    /// Does something on the thread itself. What it starts must not block, and keeps the thread alive.
    pub async fn call<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
        let (done, result) = oneshot::channel();
        // Nobody may wait for the result any more; that is fine.
        let job = Box::new(move || drop(done.send(job())));
        self.jobs.send(job).await.map_err(|_| ended())?;
        result.await.map_err(|_| ended())
    }
}

/// A task that ends with this, whatever it waits for.
pub(crate) struct Task(AbortHandle);

impl Task {
    /// Lives on the runtime that calls this.
    pub fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work).abort_handle())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The task or the thread is gone before its work was done.
pub(crate) fn ended() -> StoreError {
    StoreError::Broken("a task of the store ended early".into())
}
