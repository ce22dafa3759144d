use std::time::Duration;

use actix::clock::timeout;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::{Stream, StreamExt};
use serde::de::DeserializeOwned;

use super::error::HttpError;
use chat_wire::ErrorCode;

/// How long a whole body may take to arrive.
const BODY_WAIT: Duration = Duration::from_secs(5);

const BAD_BODY: HttpError =
    HttpError::new(ErrorCode::BadRequest, "the body is a JSON object with the fields of the docs");
const TOO_LARGE: HttpError = HttpError::new(ErrorCode::TooLarge, "the body is too long");
const TOO_SLOW: HttpError = HttpError::new(ErrorCode::BadRequest, "the body did not arrive in time");

/// A whole body of at most so many bytes, within five seconds.
///
/// # Errors
/// Where it is longer, breaks off, or takes longer.
pub async fn whole_body(body: Payload, n_bytes_max: usize) -> Result<BytesMut, HttpError> {
    timeout(BODY_WAIT, whole(body, n_bytes_max)).await.map_err(|_| TOO_SLOW)?
}

/// What a body of JSON says.
///
/// # Errors
/// As [`whole_body`], and where it says something else than it should.
pub async fn json_body<T: DeserializeOwned>(body: Payload, n_bytes_max: usize) -> Result<T, HttpError> {
    let body = whole_body(body, n_bytes_max).await?;
    // serde would also read a struct from an array; bodies are objects only.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(BAD_BODY);
    }
    serde_json::from_slice(&body).map_err(|_| BAD_BODY)
}

/// What it says of its length is not believed.
async fn whole<E>(
    mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    n_bytes_max: usize,
) -> Result<BytesMut, HttpError> {
    let mut all = BytesMut::new();
    while let Some(part) = body.next().await {
        let part = part.map_err(|_| BAD_BODY)?;
        if all.len() + part.len() > n_bytes_max {
            return Err(TOO_LARGE);
        }
        all.extend_from_slice(&part);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn a_body_ends_where_it_is_too_long() {
        let part = |n: usize| Ok::<_, ()>(vec![b' '; n].into());
        let read = whole(stream::iter([part(1_000), part(0)]), 1_000).await;
        assert_eq!(read.map(|body| body.len()), Ok(1_000));
        // An endless one is left at its first byte too many.
        let endless = stream::iter(std::iter::repeat_with(|| part(100)));
        assert_eq!(whole(endless, 1_000).await.err(), Some(TOO_LARGE));
        assert_eq!(whole(stream::iter([part(1), Err(())]), 1_000).await.err(), Some(BAD_BODY));
    }
}
