use super::{NotTaken, Publication};

/// An address that nobody can have.
#[derive(Clone)]
pub enum AmqpUrl {}

impl AmqpUrl {
    /// Refuses it.
    ///
    /// # Errors
    /// Always: a sentence for the operator.
    pub fn parse(_: &str) -> Result<Self, String> {
        Err("this program was built without RabbitMQ (Cargo feature amqp)".to_owned())
    }

    /// Whether it holds a password.
    pub fn has_password(&self) -> bool {
        match *self {}
    }
}

/// A client that nobody can make.
pub enum AmqpClient {}

impl AmqpClient {
    /// One for this address.
    pub fn new(url: AmqpUrl) -> Self {
        match url {}
    }

    /// Connects to nobody.
    ///
    /// # Errors
    /// Never: it is never called.
    #[expect(clippy::unused_async, reason = "as the other one")]
    pub async fn connect(&self) -> Result<(), NotTaken> {
        match *self {}
    }

    /// Publishes nothing.
    ///
    /// # Errors
    /// Never: it is never called.
    #[expect(clippy::unused_async, reason = "as the other one")]
    pub async fn publish(&self, _: &Publication) -> Result<(), NotTaken> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_refused_by_the_name_of_what_is_missing() {
        let error = AmqpUrl::parse("amqp://user:secret@broker.example").expect_err("no address");
        assert_eq!(error, "this program was built without RabbitMQ (Cargo feature amqp)");
    }
}
