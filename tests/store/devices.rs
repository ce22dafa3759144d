//! Identities of browsers that act as another one.

use chat_domain::{AuthorId, AvatarName, Nickname, UserId};
use chat_store::{
    ALIASES_MAX, CLAIMS_MAX, DeviceCode, DeviceCodeMade, DeviceJoined, InviteUse, NewAccount, NewLogin, Registered,
    Store,
};
use chrono::TimeDelta;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::Database;

on_both!(
    of_two_devices_that_type_one_code_one_acts_as_the_first,
    a_code_is_tried_so_often_and_is_over_in_time,
    so_many_devices_act_as_one_and_no_more,
    two_who_join_each_other_are_one_and_no_circle,
    an_account_takes_all_devices_over_or_none,
);

const GOOD: (i32, TimeDelta) = (5, TimeDelta::minutes(10));

fn id(name: &str) -> AuthorId {
    AuthorId::from_stored(name)
}

fn called(of: &AuthorId) -> (Nickname, AvatarName) {
    (Nickname::from_stored("Otter".to_owned()), AvatarName::derived_from(of))
}

fn code(name: &str, of: &AuthorId) -> DeviceCode {
    let (nickname, avatar) = called(of);
    DeviceCode { name: name.to_owned(), hash: format!("proof of {name}"), author: of.clone(), nickname, avatar }
}

fn typed(name: &str) -> (String, String) {
    (name.to_owned(), format!("proof of {name}"))
}

fn made(of: &AuthorId) -> DeviceJoined {
    let (nickname, avatar) = called(of);
    DeviceJoined::Made { author: of.clone(), nickname, avatar }
}

/// The device acts as this one from now on.
async fn join(store: &Store, device: &AuthorId, of: &AuthorId) -> DeviceJoined {
    let name = Uuid::new_v4().simple().to_string()[..8].to_owned();
    assert_eq!(store.add_device_code(code(&name, of), GOOD).await, Ok(DeviceCodeMade::Made));
    store.join_device(device.clone(), typed(&name)).await.expect("an answer")
}

async fn aliases(store: &Store, since: i64) -> Vec<(AuthorId, AuthorId)> {
    let aliases = store.control(since).await.expect("what concerns all rooms").aliases;
    let mut aliases: Vec<_> = aliases.into_iter().map(|alias| (alias.id, alias.of)).collect();
    aliases.sort();
    aliases
}

async fn of_two_devices_that_type_one_code_one_acts_as_the_first(db: &Database) {
    let store = db.ready().await;
    let first = id("first");
    assert_eq!(store.add_device_code(code("ABCD", &first), GOOD).await, Ok(DeviceCodeMade::Made));
    let other = store.add_device_code(code("ABCD", &id("other")), GOOD).await;
    assert_eq!(other, Ok(DeviceCodeMade::NameTaken), "and the first one's is still good");
    let before = store.control(0).await.expect("what concerns all rooms").rev;
    let at_once = (0..4).map(|n| {
        let store = store.clone();
        async move { store.join_device(id(&format!("device {n}")), typed("ABCD")).await.expect("an answer") }
    });
    let done = at_once.collect::<JoinSet<_>>().join_all().await;
    assert_eq!(done.iter().filter(|done| **done == made(&first)).count(), 1, "{done:?}");
    assert_eq!(done.iter().filter(|done| **done == DeviceJoined::Wrong).count(), 3, "{done:?}");
    let now = aliases(&store, before).await;
    assert!(now.len() == 1 && now[0].1 == first, "{now:?}");
    let rev = store.control(before).await.expect("what concerns all rooms").rev;
    assert_eq!(aliases(&store, rev).await, [], "told once");
    assert_eq!(aliases(&store, 0).await, now, "and to whoever asks for all");
}

async fn a_code_is_tried_so_often_and_is_over_in_time(db: &Database) {
    let store = db.ready().await;
    let (first, device) = (id("first"), id("device"));
    store.add_device_code(code("ABCD", &first), GOOD).await.expect("an answer");
    for _ in 0..5 {
        let wrong = store.join_device(device.clone(), ("ABCD".to_owned(), "a guess".to_owned())).await;
        assert_eq!(wrong, Ok(DeviceJoined::Wrong));
    }
    assert_eq!(store.join_device(device.clone(), typed("ABCD")).await, Ok(DeviceJoined::Wrong));
    store.add_device_code(code("EFGH", &first), (5, TimeDelta::zero())).await.expect("an answer");
    assert_eq!(store.join_device(device.clone(), typed("EFGH")).await, Ok(DeviceJoined::Wrong), "over");
    // What is over is gone with the next one, whoever's that is.
    store.add_device_code(code("JKMN", &id("other")), GOOD).await.expect("an answer");
    assert_eq!(db.texts("SELECT name AS text FROM device_codes").await, ["JKMN"]);
    assert_eq!(aliases(&store, 0).await, []);
}

async fn so_many_devices_act_as_one_and_no_more(db: &Database) {
    let store = db.ready().await;
    let (first, other) = (id("first"), id("other"));
    assert_eq!(join(&store, &id("of the other"), &other).await, made(&other));
    for n in 0..ALIASES_MAX - 1 {
        assert_eq!(join(&store, &id(&format!("device {n}")), &first).await, made(&first), "{n}");
    }
    assert_eq!(join(&store, &other, &first).await, DeviceJoined::TooMany, "these would be two");
    assert_eq!(join(&store, &id("the last"), &first).await, made(&first));
    assert_eq!(join(&store, &id("one more"), &first).await, DeviceJoined::TooMany);
}

async fn two_who_join_each_other_are_one_and_no_circle(db: &Database) {
    let store = db.ready().await;
    let (one, two) = (id("one"), id("two"));
    for _ in 0..4 {
        store.add_device_code(code("ABCD", &one), GOOD).await.expect("an answer");
        store.add_device_code(code("EFGH", &two), GOOD).await.expect("an answer");
        let both = [(one.clone(), "EFGH"), (two.clone(), "ABCD")].map(|(device, name)| {
            let store = store.clone();
            async move { store.join_device(device, typed(name)).await.expect("an answer") }
        });
        let done = both.into_iter().collect::<JoinSet<_>>().join_all().await;
        let n_made = done.iter().filter(|done| matches!(done, DeviceJoined::Made { .. })).count();
        assert!(n_made < 2, "{done:?}");
    }
    let now = aliases(&store, 0).await;
    assert!(now == [(one.clone(), two.clone())] || now == [(two, one)], "{now:?}");
}

async fn account(store: &Store) -> UserId {
    let (nickname, avatar) = called(&id("an account"));
    let account = NewAccount { email: "otter@b.co".to_owned(), password_hash: "a hash".to_owned(), nickname, avatar };
    let login = NewLogin {
        id: Uuid::now_v7(),
        user_agent: String::new(),
        refresh_hash: "first".to_owned(),
        valid: TimeDelta::days(1),
    };
    match store.register(UserId::new(), account, InviteUse::Open, login).await.expect("an answer") {
        Registered::Made(signed) => signed.user.id,
        other => panic!("{other:?}"),
    }
}

async fn an_account_takes_all_devices_over_or_none(db: &Database) {
    let store = db.ready().await;
    let user = account(&store).await;
    for n in 0..CLAIMS_MAX - 2 {
        assert_eq!(store.claim(id(&format!("browser {n:03}")), user).await, Ok(Some(user)));
    }
    let (first, second, third) = (id("first"), id("second"), id("third"));
    join(&store, &second, &first).await;
    join(&store, &third, &first).await;
    assert_eq!(store.claim(second.clone(), user).await, Ok(None), "these are three");
    assert_eq!(store.claims_of(user).await.expect("claims").len(), 98);
    let [other, its_device] = [id("other"), id("its device")];
    join(&store, &its_device, &other).await;
    assert_eq!(store.claim(its_device.clone(), user).await, Ok(Some(user)));
    let claims = store.claims_of(user).await.expect("claims");
    assert!(claims.contains(&other) && claims.contains(&its_device), "{claims:?}");
    // An account's joins nobody, and nobody joins it.
    let made = store.add_device_code(code("ABCD", &other), GOOD).await;
    assert_eq!(made, Ok(DeviceCodeMade::Claimed));
    assert_eq!(join(&store, &its_device, &first).await, DeviceJoined::Claimed);
}
