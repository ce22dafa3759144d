//! Who asks, where that is a visitor: by the secret that JOIN carries as well.

use actix_web::HttpRequest;

use super::error::HttpError;
use chat_domain::AnonymousId;
use chat_wire::ErrorCode;

/// The header that an identity is proved with. A header rather than a parameter: addresses are logged on their way.
pub const ANONYMOUS_ID: &str = "x-anonymous-id";

/// The secret that the request carries. It is used and forgotten here; no answer names it.
pub fn anonymous_id(request: &HttpRequest) -> Result<AnonymousId, HttpError> {
    const NONE: HttpError = HttpError::new(ErrorCode::BadRequest, "the header X-Anonymous-Id is one UUID");
    let mut values = request.headers().get_all(ANONYMOUS_ID);
    let (Some(value), None) = (values.next(), values.next()) else { return Err(NONE) };
    let uuid = value.to_str().ok().and_then(|text| uuid::Uuid::try_parse(text).ok());
    uuid.map(AnonymousId::new).ok_or(NONE)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn an_identity_is_one_uuid_in_the_header() {
        let id = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
        for (values, is_one) in
            [(&[id][..], true), (&[], false), (&[""], false), (&["x"], false), (&[id, id], false), (&["é"], false)]
        {
            let mut request = TestRequest::default();
            for value in values {
                request = request.append_header((ANONYMOUS_ID, *value));
            }
            assert_eq!(anonymous_id(&request.to_http_request()).is_ok(), is_one, "{values:?}");
        }
    }
}
