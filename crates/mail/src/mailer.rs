use std::{path::Path, str::FromStr, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::Mailbox,
    transport::smtp::client::{Certificate, Tls, TlsParameters},
};

use crate::{
    letter::Letter,
    smtp_url::{Security, SmtpUrl},
};

/// A server that says nothing for so long is given up, and the letter goes again later.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// Gives letters to a server, each over a connection of its own: there are few, and nothing is left open between them.
#[derive(Clone)]
pub struct Mailer {
    from: Mailbox,
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

/// Whose name and address letters bear: `Chat <chat@blog.example>`, or the address alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(Mailbox);

impl FromStr for Sender {
    type Err = WrongSender;

    fn from_str(text: &str) -> Result<Self, WrongSender> {
        text.parse().map(Self).map_err(|_| WrongSender)
    }
}

/// The text is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an address, or a name and an address: Chat <chat@blog.example>")]
pub struct WrongSender;

/// Why there can be no mailer.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    /// The file with the certificate of an authority cannot be read, or has none.
    #[error("the certificate in {0} cannot be read")]
    Authority(String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// Why a letter was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It will not be taken later either: the server says so (a reply that begins with 5), or it is no letter.
    #[error("refused for good: {0}")]
    Refused(String),
    /// The server is away, busy, or not to be trusted.
    #[error("not taken now: {0}")]
    Later(String),
}

impl Mailer {
    /// A mailer that writes as `from`. Servers prove who they are by an authority that the machine trusts, or by one in a
    /// PEM file.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn new(url: &SmtpUrl, from: &Sender, authority: Option<&Path>) -> Result<Self, MailerError> {
        let parameters = || {
            let mut tls = TlsParameters::builder(url.host.clone());
            if let Some(path) = authority {
                let wrong = || MailerError::Authority(path.display().to_string());
                let pem = std::fs::read(path).map_err(|_| wrong())?;
                tls = tls.add_root_certificate(Certificate::from_pem(&pem).map_err(|_| wrong())?);
            }
            tls.build_rustls().map_err(|e| MailerError::Tls(e.to_string()))
        };
        let tls = match url.security {
            Security::Tls => Tls::Wrapper(parameters()?),
            Security::StartTls => Tls::Required(parameters()?),
            // An authority is given for something: then the way to the machine itself is encrypted as well.
            Security::Nothing if authority.is_some() => Tls::Required(parameters()?),
            Security::Nothing => Tls::None,
        };
        let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&url.host);
        let mut transport = transport.port(url.port).tls(tls).timeout(Some(SILENCE_MAX));
        if let Some(credentials) = &url.credentials {
            transport = transport.credentials(credentials.clone());
        }
        Ok(Self { from: from.0.clone(), transport: transport.build() })
    }

    /// Sends a letter. `id` is the same however often it is tried.
    ///
    /// # Errors
    /// [`SendError`], which says whether trying again is of use.
    pub async fn send(&self, letter: &Letter, to: &str, id: &str) -> Result<(), SendError> {
        let message = letter.message(&self.from, to, id).map_err(SendError::Refused)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            // A server that does not know us, or does not trust us yet, may be told of us: only what it says of this
            // letter is for good.
            Err(error) if error.is_permanent() && !is_of_login(&error) => Err(SendError::Refused(error.to_string())),
            Err(error) => Err(SendError::Later(error.to_string())),
        }
    }
}

/// Whether a reply is about who we are (RFC 4954, section 6), and not about the letter.
fn is_of_login(error: &lettre::transport::smtp::Error) -> bool {
    error.status().is_some_and(|code| ["530", "534", "535", "538"].contains(&code.to_string().as_str()))
}
