//! Accounts: registering, logins and what renews them, codes, invites, keys, the team, what is taken over and erased.

use chat_domain::{AuthorId, AvatarName, Nickname, Role, UserId};
use chat_store::{
    CLAIMS_MAX, CodeKind, CodeUse, InviteUse, Login, NewAccount, NewInvite, NewLogin, ProfileChange, Refreshed,
    Registered, SignedIn, Store, StoredKey, TeamChange, TeamOrder, VerifiedUser,
};
use chrono::TimeDelta;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::Database;

on_both!(
    an_address_is_one_account_whatever_its_case,
    an_invite_is_good_for_so_many_and_gives_its_role,
    of_many_who_come_by_the_last_use_one_comes,
    a_login_is_renewed_once_and_a_late_replay_ends_it,
    two_who_renew_at_once_get_the_same_successor,
    a_login_that_was_ended_is_nobodys,
    ended_logins_are_told_from_where_somebody_was,
    a_code_is_good_for_its_kind_alone_and_once,
    the_first_owner_is_set_up_once,
    an_owner_who_signs_in_by_codes_gets_a_password,
    a_password_is_set_by_a_code_and_ends_all_logins,
    a_password_is_changed_where_it_is_still_the_old_one,
    servers_that_start_together_agree_on_one_key,
    one_acts_on_lower_ranks_and_the_last_owner_stays,
    two_owners_who_remove_each_other_leave_one,
    the_list_of_people_is_read_page_by_page,
    an_identity_is_taken_over_once,
    of_an_erased_account_nothing_is_left,
    a_blogs_user_is_one_row_and_no_account,
);

const VALID: TimeDelta = TimeDelta::days(30);
const REPLAY: TimeDelta = TimeDelta::seconds(30);

fn named(name: &str) -> (Nickname, AvatarName) {
    let avatar = AvatarName::derived_from(&AuthorId::from_stored(name));
    (Nickname::from_stored(name.to_owned()), avatar)
}

fn account(email: &str) -> NewAccount {
    let (nickname, avatar) = named("Otter");
    NewAccount { email: email.to_owned(), password_hash: "a hash".to_owned(), nickname, avatar }
}

fn login() -> NewLogin {
    let id = Uuid::now_v7();
    NewLogin { id, user_agent: "a browser".to_owned(), refresh_hash: format!("first {id}"), valid: VALID }
}

async fn try_register(store: &Store, email: &str, by: InviteUse) -> Registered {
    store.register(UserId::new(), account(email), by, login()).await.expect("an answer")
}

async fn register(store: &Store, email: &str) -> SignedIn {
    match try_register(store, email, InviteUse::Open).await {
        Registered::Made(signed) => signed,
        other => panic!("{other:?}"),
    }
}

async fn with_role(store: &Store, email: &str, role: Role) -> SignedIn {
    let signed = register(store, email).await;
    let by = (AuthorId::from_stored("operator"), None);
    let done = store.change_team(signed.user.id, TeamOrder::Role(role), by).await.expect("an answer");
    assert!(matches!(done, TeamChange::Done(seen) if seen.user.role == role));
    signed
}

async fn invite(store: &Store, role: Role, uses: i32, valid: TimeDelta) -> Uuid {
    let new = NewInvite { id: Uuid::now_v7(), role, uses, valid, by: AuthorId::from_stored("owner") };
    store.add_invite(new).await.expect("an invite").id
}

async fn an_address_is_one_account_whatever_its_case(db: &Database) {
    let store = db.ready().await;
    let signed = register(&store, "otter@blog.example").await;
    assert_eq!(signed.user.role, Role::Member);
    assert_eq!(try_register(&store, "otter@blog.example", InviteUse::Open).await, Registered::EmailTaken);
    // What another release may have written.
    assert_eq!(try_register(&store, "OTTER@blog.example", InviteUse::Open).await, Registered::EmailTaken);
    let found = store.account_by_email("otter@blog.example".into()).await.expect("an answer").expect("an account");
    assert_eq!((found.user, found.password_hash.as_deref()), (signed.user, Some("a hash")));
    assert_eq!(store.account_by_email("nobody@blog.example".into()).await.expect("an answer"), None);
}

async fn an_invite_is_good_for_so_many_and_gives_its_role(db: &Database) {
    let store = db.ready().await;
    let two = invite(&store, Role::Moderator, 2, TimeDelta::hours(1)).await;
    let over = invite(&store, Role::Moderator, 2, TimeDelta::zero()).await;
    assert_eq!(try_register(&store, "over@b.co", InviteUse::By(over)).await, Registered::BadInvite);
    assert_eq!(try_register(&store, "none@b.co", InviteUse::By(Uuid::new_v4())).await, Registered::BadInvite);
    register(&store, "taken@b.co").await;
    assert_eq!(try_register(&store, "taken@b.co", InviteUse::By(two)).await, Registered::EmailTaken);
    let open = store.open_invite(two).await.expect("an answer").expect("an invite");
    assert_eq!((open.uses_left, open.role), (2, Role::Moderator), "who was refused has used nothing");
    for n in 0..2 {
        match try_register(&store, &format!("{n}@b.co"), InviteUse::By(two)).await {
            Registered::Made(signed) => assert_eq!(signed.user.role, Role::Moderator),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(try_register(&store, "third@b.co", InviteUse::By(two)).await, Registered::BadInvite);
    let other = invite(&store, Role::Member, 5, TimeDelta::hours(1)).await;
    let ids: Vec<_> = store.invites().await.expect("invites").into_iter().map(|invite| invite.id).collect();
    assert_eq!(ids, [other]);
    assert!(store.remove_invite(other).await.expect("an answer"));
    assert!(!store.remove_invite(other).await.expect("an answer"));
    assert_eq!(try_register(&store, "fourth@b.co", InviteUse::By(other)).await, Registered::BadInvite);
}

async fn of_many_who_come_by_the_last_use_one_comes(db: &Database) {
    let store = db.ready().await;
    let one = invite(&store, Role::Member, 1, TimeDelta::hours(1)).await;
    let come = |n: usize| {
        let store = store.clone();
        async move { try_register(&store, &format!("{n}@b.co"), InviteUse::By(one)).await }
    };
    let came = (0..5).map(come).collect::<JoinSet<_>>().join_all().await;
    assert_eq!(came.iter().filter(|came| matches!(came, Registered::Made(_))).count(), 1, "{came:?}");
}

async fn refresh(store: &Store, hash: &str, successor: &str) -> Refreshed {
    store.refresh_login((hash.into(), successor.into()), (VALID, REPLAY)).await.expect("an answer")
}

async fn a_login_is_renewed_once_and_a_late_replay_ends_it(db: &Database) {
    let store = db.ready().await;
    let signed = register(&store, "otter@b.co").await;
    let first = format!("first {}", signed.login);
    assert_eq!(refresh(&store, "nobody's", "x").await, Refreshed::Wrong);
    assert_eq!(refresh(&store, &first, "second").await, Refreshed::Renewed(signed.clone()));
    assert_eq!(refresh(&store, &first, "second").await, Refreshed::Renewed(signed.clone()), "a replay right after it");
    assert_eq!(refresh(&store, "second", "third").await, Refreshed::Renewed(signed.clone()));
    // The same, as if the half minute were over.
    let late = store.refresh_login((first, "second".into()), (VALID, TimeDelta::seconds(-1))).await;
    assert_eq!(late.expect("an answer"), Refreshed::Stolen);
    assert_eq!(store.login_by_id(signed.login).await.expect("an answer"), None);
    assert_eq!(refresh(&store, "third", "fourth").await, Refreshed::Wrong, "the thief's as well");
    // What nobody used in time is over.
    let other = register(&store, "other@b.co").await;
    let over = (TimeDelta::seconds(-1), REPLAY);
    let renewed = store.refresh_login((format!("first {}", other.login), "over".into()), over).await;
    assert_eq!(renewed.expect("an answer"), Refreshed::Renewed(other));
    assert_eq!(refresh(&store, "over", "x").await, Refreshed::Wrong);
}

async fn two_who_renew_at_once_get_the_same_successor(db: &Database) {
    let store = db.ready().await;
    let signed = register(&store, "otter@b.co").await;
    let first = format!("first {}", signed.login);
    let renew = |_: usize| {
        let (store, first) = (store.clone(), first.clone());
        async move { refresh(&store, &first, "second").await }
    };
    for renewed in (0..5).map(renew).collect::<JoinSet<_>>().join_all().await {
        assert_eq!(renewed, Refreshed::Renewed(signed.clone()));
    }
    assert_eq!(refresh(&store, "second", "third").await, Refreshed::Renewed(signed));
}

async fn a_login_that_was_ended_is_nobodys(db: &Database) {
    let store = db.ready().await;
    let signed = register(&store, "otter@b.co").await;
    let user = signed.user.id;
    let more = [login(), login()];
    for new in more.clone() {
        assert!(store.log_in(user, new).await.expect("an answer").is_some());
    }
    let logins = store.logins(user).await.expect("logins");
    assert_eq!((logins.len(), logins[0].user_agent.as_str()), (3, "a browser"));
    let stranger = register(&store, "other@b.co").await;
    assert_eq!(store.end_logins(stranger.user.id, (Some(signed.login), None)).await, Ok(0), "not theirs");
    assert_eq!(store.end_logins(user, (Some(more[0].id), None)).await, Ok(1));
    assert_eq!(store.end_logins(user, (Some(more[0].id), None)).await, Ok(0));
    assert_eq!(store.end_logins(user, (None, Some(signed.login))).await, Ok(1));
    let left: Vec<_> = store.logins(user).await.expect("logins").into_iter().map(|login| login.id).collect();
    assert_eq!(left, [signed.login]);
    assert_eq!(refresh(&store, &more[0].refresh_hash, "x").await, Refreshed::Wrong);
    assert_eq!(store.login_by_id(signed.login).await, Ok(Some(signed)));
}

async fn ended_logins_are_told_from_where_somebody_was(db: &Database) {
    let store = db.ready().await;
    let signed = register(&store, "otter@b.co").await;
    let (known, ended) = store.ended_logins(0).await.expect("an answer");
    assert!(ended.is_empty());
    store.end_logins(signed.user.id, (None, None)).await.expect("an answer");
    let (now, ended) = store.ended_logins(known).await.expect("an answer");
    assert_eq!((now > known, ended), (true, vec![signed.login]));
    assert_eq!(store.ended_logins(now).await, Ok((now, vec![])));
    // One by a secret of its own, as codes make them.
    store
        .owner_code(("AAAA".into(), "proof".into()), named("Owner"), (5, TimeDelta::minutes(10)))
        .await
        .expect("a code");
    let old = Login { id: Uuid::now_v7(), token_hash: "secret".into(), user_agent: String::new() };
    let used = store.use_code("AAAA".into(), "proof".into(), old.clone()).await.expect("an answer");
    assert!(matches!(used, CodeUse::Made(_)));
    assert_eq!(store.login("secret".into()).await.expect("an answer").map(|signed| signed.login), Some(old.id));
    let (known, _) = store.ended_logins(now).await.expect("an answer");
    assert_eq!(store.revoke_login("secret".into()).await, Ok(true));
    assert_eq!(store.ended_logins(known).await.expect("an answer").1, [old.id]);
}

async fn a_code_is_good_for_its_kind_alone_and_once(db: &Database) {
    let store = db.ready().await;
    let signed = register(&store, "otter@b.co").await;
    let of = (signed.user.id, Some(signed.login));
    let add = async |name: &str, kind, valid| {
        store.add_code((name.into(), "proof".into()), kind, of, (2, valid)).await.expect("a code");
    };
    let minute = TimeDelta::minutes(1);
    let ticket = async |name: &str, proof: &str| store.use_ticket(name.into(), proof.into()).await.expect("an answer");
    add("ticket-1", CodeKind::Ticket, minute).await;
    assert_eq!(ticket("ticket-1", "wrong").await, None);
    assert_eq!(ticket("ticket-1", "proof").await, Some(signed.clone()));
    assert_eq!(ticket("ticket-1", "proof").await, None, "once");
    add("ticket-2", CodeKind::Ticket, minute).await;
    for _ in 0..2 {
        assert_eq!(ticket("ticket-2", "wrong").await, None);
    }
    assert_eq!(ticket("ticket-2", "proof").await, None, "its tries are used up");
    add("ticket-3", CodeKind::Ticket, TimeDelta::seconds(-1)).await;
    assert_eq!(ticket("ticket-3", "proof").await, None, "over");
    add("reset-1", CodeKind::Reset, minute).await;
    assert_eq!(ticket("reset-1", "proof").await, None, "of another kind");
    let login = Login { id: Uuid::now_v7(), token_hash: "secret".into(), user_agent: String::new() };
    let used = store.use_code("reset-1".into(), "proof".into(), login).await;
    assert_eq!(used, Ok(CodeUse::Wrong), "it signs nobody in");
    // A ticket of a login that was ended is nobody's.
    add("ticket-4", CodeKind::Ticket, minute).await;
    store.end_logins(signed.user.id, (None, None)).await.expect("an answer");
    assert_eq!(ticket("ticket-4", "proof").await, None);
}

async fn setup_code(store: &Store, name: &str) -> bool {
    let limits = (5, TimeDelta::minutes(15));
    store.setup_code((name.into(), "proof".into()), named("Owner"), limits).await.expect("an answer")
}

async fn set_up(store: &Store, name: &str, proof: &str, email: &str) -> Registered {
    store.set_up((name.into(), proof.into()), account(email), login()).await.expect("an answer")
}

async fn the_first_owner_is_set_up_once(db: &Database) {
    let store = db.ready().await;
    assert!(store.needs_setup().await.expect("an answer"));
    assert!(setup_code(&store, "one").await && setup_code(&store, "two").await);
    // The place that is kept is nobody's: no role, no name, in no list.
    let control = store.control(0).await.expect("what concerns all");
    assert_eq!((control.roles, control.names), (vec![], vec![]));
    assert_eq!(store.accounts((None, None), 10).await, Ok(vec![]));
    assert_eq!(set_up(&store, "one", "wrong", "owner@b.co").await, Registered::BadInvite);
    register(&store, "taken@b.co").await;
    assert_eq!(set_up(&store, "two", "proof", "taken@b.co").await, Registered::EmailTaken);
    match set_up(&store, "one", "proof", "owner@b.co").await {
        Registered::Made(signed) => assert_eq!(signed.user.role, Role::Owner),
        other => panic!("{other:?}"),
    }
    assert!(!store.needs_setup().await.expect("an answer"));
    assert!(!setup_code(&store, "three").await, "there is one");
    assert_eq!(set_up(&store, "one", "proof", "second@b.co").await, Registered::BadInvite);
    assert_eq!(store.control(0).await.expect("what concerns all").roles.len(), 2);
}

async fn an_owner_who_signs_in_by_codes_gets_a_password(db: &Database) {
    let store = db.ready().await;
    assert!(setup_code(&store, "before").await);
    let minutes = TimeDelta::minutes(10);
    let owner = store.owner_code(("AAAA".into(), "proof".into()), named("Owner"), (5, minutes)).await.expect("a code");
    assert!(setup_code(&store, "after").await, "no password yet");
    for name in ["before", "after"] {
        match set_up(&store, name, "proof", "owner@b.co").await {
            Registered::Made(signed) => assert_eq!((signed.user.id, name), (owner, "before")),
            refused => assert_eq!((refused, name), (Registered::BadInvite, "after")),
        }
    }
    // Another code for signing in voids no other kind.
    let of = (owner, None);
    store.add_code(("reset".into(), "proof".into()), CodeKind::Reset, of, (5, minutes)).await.expect("a code");
    store.owner_code(("BBBB".into(), "proof".into()), named("Owner"), (5, minutes)).await.expect("a code");
    assert_eq!(store.reset_password(("reset".into(), "proof".into()), "new".into()).await, Ok(true));
}

async fn a_password_is_set_by_a_code_and_ends_all_logins(db: &Database) {
    let store = db.ready().await;
    let signed = register(&store, "otter@b.co").await;
    let of = (signed.user.id, None);
    for name in ["first", "second"] {
        let code = (name.into(), "proof".into());
        store.add_code(code, CodeKind::Reset, of, (5, TimeDelta::hours(1))).await.expect("a code");
    }
    let reset = async |name: &str, proof: &str| {
        store.reset_password((name.into(), proof.into()), "new".into()).await.expect("an answer")
    };
    assert!(!reset("first", "proof").await, "the last one counts");
    assert!(!reset("second", "wrong").await);
    assert!(reset("second", "proof").await && !reset("second", "proof").await);
    let account = store.account(signed.user.id).await.expect("an answer").expect("an account");
    assert_eq!(account.password_hash.as_deref(), Some("new"));
    assert_eq!(store.logins(signed.user.id).await, Ok(vec![]));
}

async fn a_password_is_changed_where_it_is_still_the_old_one(db: &Database) {
    let store = db.ready().await;
    let signed = register(&store, "otter@b.co").await;
    let user = signed.user.id;
    store.log_in(user, login()).await.expect("a login");
    let change = async |old: &str, new: &str| {
        store.change_password(user, (old.into(), new.into()), signed.login).await.expect("an answer")
    };
    assert!(!change("another", "new").await);
    assert_eq!(store.logins(user).await.expect("logins").len(), 2);
    assert!(change("a hash", "new").await && !change("a hash", "new").await);
    let left: Vec<_> = store.logins(user).await.expect("logins").into_iter().map(|login| login.id).collect();
    assert_eq!(left, [signed.login]);
    let change = ProfileChange { locale: Some("ko".into()), nickname: Some(named("Seal").0), avatar: None };
    let account = store.change_profile(user, change).await.expect("an answer").expect("an account");
    assert_eq!((account.user.nickname.as_str(), account.locale.as_deref()), ("Seal", Some("ko")));
    assert_eq!(store.change_profile(UserId::new(), ProfileChange::default()).await, Ok(None));
}

fn key(kid: &str) -> StoredKey {
    StoredKey { kid: kid.to_owned(), secret: kid.as_bytes().to_vec() }
}

async fn servers_that_start_together_agree_on_one_key(db: &Database) {
    let store = db.ready().await;
    let start = |n: usize| {
        let store = store.clone();
        async move { store.signing_keys(key(&format!("key-{n}"))).await.expect("keys") }
    };
    let found = (0..4).map(start).collect::<JoinSet<_>>().join_all().await;
    assert!(found.iter().all(|keys| keys.len() == 1 && *keys == found[0]), "{found:?}");
    assert_eq!(store.rotate_keys(key("new")).await, Ok(1));
    assert_eq!(store.signing_keys(key("other")).await, Ok(vec![key("new")]));
}

async fn one_acts_on_lower_ranks_and_the_last_owner_stays(db: &Database) {
    let store = db.ready().await;
    let owner = with_role(&store, "owner@b.co", Role::Owner).await;
    let admin = with_role(&store, "admin@b.co", Role::Admin).await;
    let other = with_role(&store, "other@b.co", Role::Admin).await;
    let member = register(&store, "member@b.co").await;
    let by = |role| (AuthorId::from_stored("somebody"), Some(role));
    let change = async |id, order, by| store.change_team(id, order, by).await.expect("an answer");
    for (id, order, role) in [
        (other.user.id, TeamOrder::Role(Role::Member), Role::Admin),
        (owner.user.id, TeamOrder::Disabled(true), Role::Admin),
        (member.user.id, TeamOrder::Role(Role::Admin), Role::Admin),
        (member.user.id, TeamOrder::Role(Role::Owner), Role::Admin),
        (member.user.id, TeamOrder::Disabled(true), Role::Member),
    ] {
        assert_eq!(change(id, order, by(role)).await, TeamChange::Forbidden, "{order:?} by {role:?}");
    }
    assert_eq!(change(UserId::new(), TeamOrder::Disabled(true), by(Role::Owner)).await, TeamChange::NotFound);
    let made = change(member.user.id, TeamOrder::Role(Role::Moderator), by(Role::Admin)).await;
    assert!(matches!(made, TeamChange::Done(seen) if seen.user.role == Role::Moderator));
    // Whoever is shut out is signed out, and nobody until they are let in again.
    change(admin.user.id, TeamOrder::Disabled(true), by(Role::Owner)).await;
    assert_eq!(store.login_by_id(admin.login).await, Ok(None));
    assert_eq!(store.log_in(admin.user.id, login()).await, Ok(None));
    assert_eq!(store.account_by_email("admin@b.co".into()).await, Ok(None));
    change(admin.user.id, TeamOrder::Disabled(false), by(Role::Owner)).await;
    assert!(store.log_in(admin.user.id, login()).await.expect("an answer").is_some());
    for order in [TeamOrder::Role(Role::Admin), TeamOrder::Disabled(true)] {
        let operator = (AuthorId::from_stored("operator"), None);
        assert_eq!(change(owner.user.id, order, operator).await, TeamChange::LastOwner);
    }
    let erased = store.erase_account(owner.user.id, named("-").0, ("sweep", String::new())).await;
    assert_eq!(erased, Ok(false));
    let n = db.number("SELECT count(*) FROM audit_log WHERE action IN ('role_set', 'account_set')").await;
    assert_eq!(n, 6, "each is written down");
}

async fn two_owners_who_remove_each_other_leave_one(db: &Database) {
    let store = db.ready().await;
    let one = with_role(&store, "one@b.co", Role::Owner).await;
    let two = with_role(&store, "two@b.co", Role::Owner).await;
    let remove = |id| {
        let store = store.clone();
        async move {
            let by = (AuthorId::from_stored("operator"), None);
            store.change_team(id, TeamOrder::Disabled(true), by).await.expect("an answer")
        }
    };
    let ids = [one.user.id, two.user.id];
    let done = ids.into_iter().map(remove).collect::<JoinSet<_>>().join_all().await;
    assert_eq!(done.iter().filter(|done| matches!(done, TeamChange::Done(_))).count(), 1, "{done:?}");
}

async fn the_list_of_people_is_read_page_by_page(db: &Database) {
    let store = db.ready().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(register(&store, &format!("otter_{n}@b.co")).await.user.id);
    }
    ids.sort_unstable();
    ids.reverse();
    let list = async |before, text: Option<&str>, limit| -> Vec<UserId> {
        let found = store.accounts((before, text.map(str::to_owned)), limit).await.expect("accounts");
        found.into_iter().map(|seen| seen.user.id).collect()
    };
    assert_eq!(list(None, None, 3).await, ids[..3]);
    assert_eq!(list(Some(ids[2]), None, 3).await, ids[3..]);
    assert_eq!(list(None, Some("r\\_3@"), 3).await.len(), 1);
    assert_eq!(list(None, Some("otter"), 9).await.len(), 5, "by name as well");
    assert_eq!(list(None, Some("r\\%3"), 9).await, []);
}

async fn an_identity_is_taken_over_once(db: &Database) {
    let store = db.ready().await;
    let (one, two) = (register(&store, "one@b.co").await.user.id, register(&store, "two@b.co").await.user.id);
    let author = AuthorId::from_stored("a browser");
    let before = store.control(0).await.expect("what concerns all rooms");
    assert_eq!(store.claim(author.clone(), one).await, Ok(Some(one)));
    assert_eq!(store.claim(author.clone(), one).await, Ok(Some(one)), "again is once");
    assert_eq!(store.claim(author.clone(), two).await, Ok(Some(one)), "it is another's");
    let now = store.control(before.rev).await.expect("what concerns all rooms");
    assert_eq!((before.claims, &now.claims), (vec![], &vec![(author.clone(), one)]));
    assert_eq!(store.control(now.rev).await.expect("what concerns all rooms").claims, [], "told once");
    assert_eq!((store.claims_of(one).await, store.claims_of(two).await), (Ok(vec![author.clone()]), Ok(vec![])));
    for n in 1..CLAIMS_MAX {
        let another = AuthorId::from_stored(&format!("browser {n}"));
        assert_eq!(store.claim(another, one).await, Ok(Some(one)));
    }
    assert_eq!(store.claim(AuthorId::from_stored("one more"), one).await, Ok(None), "as many as one may");
    assert_eq!(store.claim(author, one).await, Ok(Some(one)), "it has this one");
}

async fn of_an_erased_account_nothing_is_left(db: &Database) {
    let store = db.ready().await;
    let owner = with_role(&store, "owner@b.co", Role::Owner).await;
    let signed = register(&store, "otter@b.co").await;
    assert_eq!(store.erase_account(signed.user.id, named("-").0, ("sweep", String::new())).await, Ok(true));
    assert_eq!(store.login_by_id(signed.login).await, Ok(None));
    assert_eq!(store.account(signed.user.id).await, Ok(None));
    let seen = store.account_seen(signed.user.id).await.expect("an answer").expect("a row");
    assert_eq!((seen.email, seen.user.nickname.as_str(), seen.disabled_at.is_some()), (None, "-", true));
    assert!(matches!(try_register(&store, "otter@b.co", InviteUse::Open).await, Registered::Made(_)), "free again");
    assert_eq!(
        store.login_by_id(owner.login).await,
        Ok(Some(SignedIn { user: chat_store::User { role: Role::Owner, ..owner.user }, ..owner }))
    );
}

async fn a_blogs_user_is_one_row_and_no_account(db: &Database) {
    let store = db.ready().await;
    let of = |site: &str, subject: &str, name: &str| {
        let (nickname, avatar) = named(name);
        VerifiedUser { site: site.to_owned(), subject: subject.to_owned(), nickname, avatar }
    };
    let read = async |site: &str, subject: &str| {
        let users = "SELECT nickname AS text FROM users WHERE kind = 2 AND";
        let mut found = db.texts(&format!("{users} site = '{site}' AND subject = '{subject}'")).await;
        assert!(found.len() < 2, "{found:?}");
        found.pop()
    };
    assert_eq!(read("https://a.example", "1").await, None);
    let many = ["First", "First", "Second", "Third"].map(|name| of("https://a.example", "1", name));
    for user in many {
        assert_eq!(store.note_verified(user).await, Ok(()));
    }
    let at_once = (0..4).map(|n| of("https://a.example", "2", &format!("Name {n}"))).map(|user| {
        let store = store.clone();
        async move { store.note_verified(user).await }
    });
    assert!(at_once.collect::<JoinSet<_>>().join_all().await.iter().all(Result::is_ok));
    assert_eq!(store.note_verified(of("https://b.example", "1", "Other")).await, Ok(()));
    assert_eq!(read("https://a.example", "1").await.as_deref(), Some("Third"), "as the blog said last");
    assert_eq!(read("https://b.example", "1").await.as_deref(), Some("Other"), "another blog's is another one");
    assert!(read("https://a.example", "2").await.is_some_and(|name| name.starts_with("Name ")));
    assert_eq!(store.accounts((None, None), 9).await, Ok(vec![]), "nobody who could be given a role");
    assert_eq!(store.needs_setup().await, Ok(true));
}
