//! What a call is answered with, as HTTP/2 takes it.

use std::{
    collections::VecDeque,
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix::clock::{Sleep, sleep};
use actix_web::web::Data;
use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode,
    body::{Body, Frame},
    header::{self, HeaderValue},
};
use tonic::{Code, Status};

use super::{
    feed::{Feed, Told, header},
    status::end,
};
use crate::http::Site;
use chat_grpc::prost::Message;

/// So much of an answer HTTP is given at once: what it was given it keeps until the client takes it.
const PIECE_BYTES_MAX: usize = 4 * 1024;

/// The body of an answer.
pub enum Reply {
    /// One message, and behind it that all is well.
    Once(VecDeque<Bytes>, bool),
    /// What rooms say.
    Stream(Box<Stream>),
    /// Of a service that is not ours.
    Other(tonic::body::Body, Option<Charged>),
}

/// Whose bytes of an answer count, and where.
pub struct Charged {
    /// Where.
    pub site: Data<Site>,
    /// Whose.
    pub address: IpAddr,
}

/// What rooms say, one Change behind the other, and at the end why.
pub struct Stream {
    feeds: Vec<Feed>,
    /// Whose turn it is first.
    turn: usize,
    /// Until then the client wants it.
    deadline: Option<Pin<Box<Sleep>>>,
    is_over: bool,
}

impl Stream {
    /// Of these rooms, for so long.
    pub fn new(feeds: Vec<Feed>, timeout: Option<Duration>) -> Self {
        let deadline = timeout.map(|timeout| Box::pin(sleep(timeout)));
        Self { feeds, turn: 0, deadline, is_over: false }
    }

    fn poll_told(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Status>> {
        if self.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Err(late()));
        }
        let n = self.feeds.len();
        for index in (0..n).map(|k| (self.turn + k) % n) {
            let Some(feed) = self.feeds.get_mut(index) else { continue };
            if let Poll::Ready(told) = feed.poll(cx) {
                self.turn = index + 1;
                return Poll::Ready(match told {
                    Told::Change(bytes) => Ok(bytes),
                    Told::Ended(code) => Err(end(code)),
                });
            }
        }
        Poll::Pending
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.get_mut() {
            Self::Other(body, of) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                if let (Some(Charged { site, address }), Some(Ok(frame))) = (of, &frame)
                    && let Some(data) = frame.data_ref()
                {
                    site.bytes.charge(*address, u64::try_from(data.len()).unwrap_or(u64::MAX));
                    if site.bytes.check(*address).is_err() {
                        return Poll::Ready(Some(Err("too much in too short a time".into())));
                    }
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Self::Once(pieces, is_over) => Poll::Ready(match pieces.pop_front() {
                Some(bytes) => Some(Ok(Frame::data(bytes))),
                None if std::mem::replace(is_over, true) => None,
                None => Some(Ok(Frame::trailers(trailers(&Status::new(Code::Ok, ""))))),
            }),
            Self::Stream(stream) if stream.is_over => Poll::Ready(None),
            Self::Stream(stream) => Poll::Ready(Some(Ok(match ready!(stream.poll_told(cx)) {
                Ok(bytes) => Frame::data(bytes),
                Err(status) => {
                    stream.is_over = true;
                    // Their sessions end here.
                    stream.feeds.clear();
                    Frame::trailers(trailers(&status))
                }
            }))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Other(body, _) => body.is_end_stream(),
            Self::Once(_, is_over) => *is_over,
            Self::Stream(stream) => stream.is_over,
        }
    }
}

/// The caller's time is over.
pub fn late() -> Status {
    Status::deadline_exceeded("the time that the caller gave is over; whether it is stored, the same client_id tells")
}

fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    if status.add_header(&mut trailers).is_err() {
        trailers.insert("grpc-status", HeaderValue::from(i32::from(Code::Internal)));
    }
    trailers
}

/// One message.
pub fn once(message: &impl Message) -> Response<Reply> {
    let bytes = [&header(message.encoded_len(), &[])[..], &message.encode_to_vec()].concat();
    with(Reply::Once(bytes.chunks(PIECE_BYTES_MAX).map(Bytes::copy_from_slice).collect(), false))
}

/// What is refused, with nothing before it.
pub fn refused(status: Status) -> Response<Reply> {
    status.into_http::<tonic::body::Body>().map(|body| Reply::Other(body, None))
}

/// A request that is no call of gRPC, which gRPC has no words for.
pub fn no_call(status: StatusCode) -> Response<Reply> {
    let mut response = Response::new(Reply::Other(tonic::body::Body::empty(), None));
    *response.status_mut() = status;
    response
}

/// An answer that goes well, at least to begin with.
pub fn with(body: Reply) -> Response<Reply> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}
