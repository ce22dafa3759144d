use std::{cell::RefCell, convert::Infallible, net::IpAddr, pin::pin, rc::Rc, task::Poll, time::Duration};

use actix::clock::{Instant, interval, sleep, timeout};
use actix_web::rt::net::TcpStream;
use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use hyper::{Request, body::Incoming, rt::Executor, server::conn::http2::Builder, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
};

use super::thread::Thread;
use crate::session::{Entered, HEAD_MAX};

/// Calls at once on one connection.
const CALLS_MAX: u32 = 100;
/// Metadata of a call.
const METADATA_BYTES_MAX: u32 = 16 * 1024;
/// So much of one call is taken that nobody has looked at, and of all calls of a connection.
const WINDOW_BYTES: u32 = 64 * 1024;
/// See [`WINDOW_BYTES`].
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// So much of an answer waits for its client here; what is more stays in the outbox of a session.
const WAITING_BYTES_MAX: usize = 16 * 1024;
/// How often a connection is asked whether it lives, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);
/// How long a client may take an answer that is there, and one that has read too slowly what is there of its stream, with
/// the word why nothing follows.
const TAKE_MAX: Duration = Duration::from_secs(30);
/// How often it looks at the clock.
const TICK: Duration = Duration::from_secs(1);

/// What a connection has under way: its own futures, which end with it.
#[derive(Clone, Default)]
struct Spawned(Rc<RefCell<Next>>);

#[derive(Default)]
struct Next {
    tasks: Vec<LocalBoxFuture<'static, ()>>,
    /// Cuts the call that is being begun.
    cut: Option<Rc<Notify>>,
}

impl<F: Future<Output = ()> + 'static> Executor<F> for Spawned {
    fn execute(&self, future: F) {
        let mut next = self.0.borrow_mut();
        let cut = next.cut.take();
        next.tasks.push(match cut {
            None => future.boxed_local(),
            // HTTP does not look at an answer whose client does not read, so it is dropped from without, which resets its
            // stream: what else is on the connection goes on.
            Some(cut) => async move {
                let gives_up = async {
                    cut.notified().await;
                    sleep(TAKE_MAX).await;
                };
                tokio::select! {
                    () = future => {}
                    () = gives_up => {}
                }
            }
            .boxed_local(),
        });
    }
}

/// Serves a connection that was accepted.
pub async fn accept(thread: Rc<Thread>, stream: TcpStream, of: (Entered, IpAddr)) {
    let idle_max = thread.idle_max;
    match thread.tls.clone() {
        None => serve(thread, stream, of, idle_max).await,
        Some(acceptor) => {
            // Who does not say hello is no client, and makes room for others as any that does nothing.
            let hello = timeout(HEAD_MAX, acceptor.accept(stream));
            let cut = std::future::poll_fn(|cx| of.0.poll_cut(cx));
            let hello = tokio::select! {
                () = cut => return,
                hello = hello => hello,
            };
            if let Ok(Ok(stream)) = hello {
                serve(thread, stream, of, idle_max).await;
            }
        }
    }
}

/// Serves a connection until either side ends it, the server goes away, or nobody has called for `idle_max`.
async fn serve(
    thread: Rc<Thread>,
    io: impl AsyncRead + AsyncWrite + Unpin + 'static,
    (entered, peer): (Entered, IpAddr),
    idle_max: Duration,
) {
    let spawned = Spawned::default();
    let begins = spawned.clone();
    let of_calls = thread.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let cut = Rc::new(Notify::new());
        begins.0.borrow_mut().cut = Some(cut.clone());
        let thread = of_calls.clone();
        async move { Ok::<_, Infallible>(thread.answer(request, peer, cut).await) }
    });
    let mut builder = Builder::new(spawned.clone());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(CALLS_MAX)
        .max_header_list_size(METADATA_BYTES_MAX)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(WAITING_BYTES_MAX)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(io), service));
    let mut tasks = FuturesUnordered::new();
    let mut ticks = interval(TICK);
    let (mut called_at, mut is_busy, mut is_ending) = (Instant::now(), false, false);
    std::future::poll_fn(|cx| {
        if entered.poll_cut(cx).is_ready() {
            return Poll::Ready(());
        }
        while ticks.poll_tick(cx).is_ready() {
            let idle = if is_busy { Duration::ZERO } else { called_at.elapsed() };
            if idle >= idle_max + PING {
                return Poll::Ready(());
            }
            if (thread.site.phase.is_refusing() || idle >= idle_max) && !is_ending {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
        }
        loop {
            let has_ended = connection.as_mut().poll(cx).is_ready();
            tasks.extend(std::mem::take(&mut spawned.0.borrow_mut().tasks));
            let was_busy = std::mem::replace(&mut is_busy, !tasks.is_empty());
            if was_busy != is_busy {
                called_at = Instant::now();
                entered.set_busy(is_busy);
            }
            if has_ended {
                return Poll::Ready(());
            }
            if !matches!(tasks.poll_next_unpin(cx), Poll::Ready(Some(()))) {
                return Poll::Pending;
            }
        }
    })
    .await;
}
