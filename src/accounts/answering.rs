//! Who waits for answers: whose a message is, and the codes of letters about answers.

use chat_accounts::{Email, answers_address_key, answers_code, answers_id};
use uuid::Uuid;

use super::office::Accounts;
use chat_domain::AuthorId;

impl Accounts {
    /// Whose what an author wrote is by now.
    pub fn owner(&self, author: &AuthorId) -> AuthorId {
        self.0.desk.access().owner(author)
    }

    /// The code by which whoever reads the mail of an address says that they want answers.
    pub fn answers_code(&self, id: Uuid) -> String {
        answers_code(id, &self.0.key)
    }

    /// Whose code that is; none where it is none.
    pub fn answers_id(&self, code: &str) -> Option<Uuid> {
        answers_id(code, &self.0.key)
    }

    /// What stands for an address in the links that end its letters.
    pub fn answers_address_key(&self, email: &Email) -> String {
        answers_address_key(email, &self.0.key)
    }
}
