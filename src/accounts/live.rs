use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use actix::{Message, Recipient};
use uuid::Uuid;

/// So many logins are remembered that were ended: whoever is about to join by one is refused.
const ENDED_MAX: usize = 10_000;

/// The login of a session was ended: it is over.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct LoginEnded;

/// The sessions of this server that belong to a login. As many as there are sessions of people with an account.
#[derive(Clone, Default)]
pub struct LiveLogins(Arc<Mutex<Live>>);

#[derive(Default)]
struct Live {
    sessions: HashMap<Uuid, Vec<(u64, Recipient<LoginEnded>)>>,
    next: u64,
    ended: HashSet<Uuid>,
    /// The same, the oldest first.
    order: VecDeque<Uuid>,
}

/// A session among those of its login, until it is dropped.
pub struct LiveLogin {
    login: Uuid,
    number: u64,
    live: LiveLogins,
}

impl LiveLogins {
    fn live(&self) -> MutexGuard<'_, Live> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session joins by a login; `None` where that was ended since it was looked at.
    pub fn enter(&self, login: Uuid, session: Recipient<LoginEnded>) -> Option<LiveLogin> {
        let mut live = self.live();
        if live.ended.contains(&login) {
            return None;
        }
        live.next += 1;
        let number = live.next;
        live.sessions.entry(login).or_default().push((number, session));
        Some(LiveLogin { login, number, live: self.clone() })
    }

    /// These logins were ended: their sessions hear of it, and nobody joins by them any more.
    pub fn end(&self, logins: &[Uuid]) {
        let mut told = Vec::new();
        {
            let mut live = self.live();
            for login in logins {
                if live.ended.insert(*login) {
                    live.order.push_back(*login);
                }
                told.extend(live.sessions.remove(login).into_iter().flatten());
                if live.order.len() > ENDED_MAX
                    && let Some(oldest) = live.order.pop_front()
                {
                    live.ended.remove(&oldest);
                }
            }
        }
        for (_, session) in told {
            #[expect(clippy::disallowed_methods, reason = "once per session; must not be lost")]
            session.do_send(LoginEnded);
        }
    }
}

impl Drop for LiveLogin {
    fn drop(&mut self) {
        let mut live = self.live.live();
        if let Some(sessions) = live.sessions.get_mut(&self.login) {
            sessions.retain(|(number, _)| *number != self.number);
            if sessions.is_empty() {
                live.sessions.remove(&self.login);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use actix::{Actor, Context, Handler};
    use tokio::sync::mpsc;

    use super::*;

    struct Probe(mpsc::UnboundedSender<&'static str>, &'static str);

    impl Actor for Probe {
        type Context = Context<Self>;
    }

    impl Handler<LoginEnded> for Probe {
        type Result = ();

        fn handle(&mut self, _: LoginEnded, _: &mut Self::Context) {
            let _ = self.0.send(self.1);
        }
    }

    #[actix::test]
    async fn the_sessions_of_an_ended_login_hear_of_it_and_no_other() {
        let (said, mut heard) = mpsc::unbounded_channel();
        let probe = |name| Probe(said.clone(), name).start().recipient();
        let (live, one, two) = (LiveLogins::default(), Uuid::from_u128(1), Uuid::from_u128(2));
        let first = live.enter(one, probe("first"));
        let gone = live.enter(one, probe("gone"));
        let other = live.enter(two, probe("other"));
        drop(gone);
        live.end(&[one]);
        assert_eq!(heard.recv().await, Some("first"));
        assert!(live.enter(one, probe("late")).is_none(), "it was ended");
        drop(first);
        live.end(&[two]);
        assert_eq!(heard.recv().await, Some("other"));
        drop(other);
        assert!(live.live().sessions.is_empty());
    }

    #[test]
    fn what_is_remembered_of_ended_logins_is_bounded() {
        let live = LiveLogins::default();
        let ids: Vec<_> = (0..2 * ENDED_MAX).map(|n| Uuid::from_u128(n.try_into().expect("a number"))).collect();
        live.end(&ids);
        let live = live.live();
        assert!(live.ended.len() <= ENDED_MAX && live.order.len() == live.ended.len());
        assert!(live.ended.contains(&ids[ids.len() - 1]) && !live.ended.contains(&ids[0]));
    }
}
