//! Another device of somebody without an account: a one-time code makes its identity act as theirs. No secret of the one
//! ever comes to the other.

use std::net::IpAddr;

use super::{error::AccountError, office::Accounts};
use crate::moderation::{CODE_TRIES, CODE_VALID, OneTimeCode};
use chat_domain::{AnonymousId, AuthorId, AvatarName, Nickname, Principal};
use chat_store::{Device, DeviceCode, DeviceCodeMade, DeviceJoined};
use uuid::Uuid;

/// How often another name is tried for a code whose name an open one has: of a million names at most ten thousand are in
/// use.
const NAMES_TRIED: usize = 4;

/// As whom a device acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActsAs {
    /// Their public id.
    pub author: AuthorId,
    /// What they were called when they made the code, and their picture. None: it was the same person before, and nothing
    /// has changed.
    pub called: Option<(Nickname, AvatarName)>,
}

/// The devices of somebody, as one of them sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnDevices {
    /// Their public id.
    pub author: AuthorId,
    /// Which one asks: its own id. The first one's is that of all.
    pub own: AuthorId,
    /// The further ones. To one of those only itself: it takes none of the others back.
    pub further: Vec<Device>,
}

impl Accounts {
    /// Makes a code by which another device acts as the one with this secret. The one before is over with that. Counts as
    /// a guess: each is a row.
    ///
    /// # Errors
    /// [`AccountError::Claimed`] where the identity is an account's, and see [`AccountError`].
    pub async fn device_code(
        &self,
        secret: AnonymousId,
        (nickname, avatar): (String, Option<String>),
        address: IpAddr,
    ) -> Result<String, AccountError> {
        self.guesses(None, address)?;
        let author = self.0.desk.access().acting_as(self.0.key.author_id(secret));
        let nickname = Nickname::parse(&nickname).map_err(|_| AccountError::InvalidNickname)?;
        let avatar = avatar.map(|name| AvatarName::parse(&name)).transpose();
        let avatar = avatar.map_err(|_| AccountError::InvalidAvatar)?;
        if self.0.desk.access().is_taken(&Principal::anonymous(author.clone()), &nickname) {
            return Err(AccountError::NicknameTaken);
        }
        let avatar = avatar.unwrap_or_else(|| AvatarName::derived_from(&author));
        for _ in 0..NAMES_TRIED {
            let code = OneTimeCode::random();
            let row = DeviceCode {
                name: code.name().to_owned(),
                hash: code.hash(&self.0.key),
                author: author.clone(),
                nickname: nickname.clone(),
                avatar,
            };
            match self.bounded(self.0.store.add_device_code(row, (CODE_TRIES, CODE_VALID))).await? {
                DeviceCodeMade::Made => return Ok(code.to_string()),
                DeviceCodeMade::NameTaken => {}
                DeviceCodeMade::Claimed => return Err(AccountError::Claimed),
                DeviceCodeMade::Full => break,
            }
        }
        Err(AccountError::NotNow)
    }

    /// How long such a code is good, in seconds.
    pub fn device_code_seconds() -> i64 {
        CODE_VALID.num_seconds()
    }

    /// The device with this secret acts from now on as whoever made the code, on every server.
    ///
    /// # Errors
    /// [`AccountError::BadCode`], [`AccountError::Claimed`] where one of the two is an account's,
    /// [`AccountError::ManyDevices`], and see [`AccountError`].
    pub async fn join_device(&self, secret: AnonymousId, typed: &str, address: IpAddr) -> Result<ActsAs, AccountError> {
        // A server that does not know of it would let the device write under its old name, and past a ban of the new one.
        if !self.0.desk.knows_aliases_everywhere() {
            return Err(AccountError::NotNow);
        }
        self.guesses(None, address)?;
        let code = OneTimeCode::parse(typed).ok_or(AccountError::BadCode)?;
        let code = (code.name().to_owned(), code.hash(&self.0.key));
        let joined = self.bounded(self.0.store.join_device(self.0.key.author_id(secret), code)).await?;
        let acts_as = match joined {
            DeviceJoined::Made { author, nickname, avatar } => ActsAs { author, called: Some((nickname, avatar)) },
            DeviceJoined::Same(author) => ActsAs { author, called: None },
            DeviceJoined::Wrong => return Err(AccountError::BadCode),
            DeviceJoined::Claimed => return Err(AccountError::Claimed),
            DeviceJoined::TooMany => return Err(AccountError::ManyDevices),
        };
        self.guessed_right(None, address);
        self.changed().await;
        Ok(acts_as)
    }

    /// The devices of whoever has this secret.
    ///
    /// # Errors
    /// [`AccountError::Claimed`] where the identity is an account's, and see [`AccountError`].
    pub async fn own_devices(&self, secret: AnonymousId) -> Result<OwnDevices, AccountError> {
        let own = self.0.key.author_id(secret);
        let author = self.0.desk.access().acting_as(own.clone());
        if self.0.desk.access().is_claimed(&Principal::anonymous(author.clone())) {
            return Err(AccountError::Claimed);
        }
        let mut further = self.bounded(self.0.store.devices_of(author.clone())).await?;
        further.retain(|device| own == author || device.id == own);
        Ok(OwnDevices { author, own, further })
    }

    /// Takes a further device back: its browser is somebody new from now on, on every server, and what it wrote stays whose
    /// it is. The first device takes back any, a further one itself.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] where it is none of theirs, [`AccountError::Forbidden`] for one that is not to decide it,
    /// and see [`AccountError`].
    pub async fn remove_device(
        &self,
        secret: AnonymousId,
        device: AuthorId,
        address: IpAddr,
    ) -> Result<(), AccountError> {
        // A server that does not know of it would let the device go on.
        if !self.0.desk.knows_aliases_everywhere() {
            return Err(AccountError::NotNow);
        }
        self.guesses(None, address)?;
        let own = self.0.key.author_id(secret);
        let author = self.0.desk.access().acting_as(own.clone());
        if self.0.desk.access().is_claimed(&Principal::anonymous(author.clone())) {
            return Err(AccountError::Claimed);
        }
        if own != author && own != device {
            return Err(AccountError::Forbidden);
        }
        // Derived from a secret that nobody has.
        let fresh = self.0.key.author_id(AnonymousId::new(Uuid::new_v4()));
        if !self.bounded(self.0.store.remove_device(author, device, fresh)).await? {
            return Err(AccountError::NotFound);
        }
        self.guessed_right(None, address);
        self.changed().await;
        Ok(())
    }

    /// The identities that act as this one, as far as this server has read.
    pub fn devices(&self, author: &AuthorId) -> Vec<AuthorId> {
        self.0.desk.access().claims(&Principal::anonymous(author.clone())).to_vec()
    }
}
