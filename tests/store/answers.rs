//! Who is mailed of answers: how often an address is asked, from where on one is told, and what ends it.

use chat_domain::AuthorId;
use chat_store::{AnswerMark, AnswersAsked, AskingPace, NewAnswerMail, Store};
use chrono::TimeDelta;
use uuid::Uuid;

use crate::support::{Database, many, room};

on_both!(
    an_address_is_asked_so_often_and_one_that_confirms_anew,
    one_of_two_who_look_notes_it_and_what_comes_later_begins_behind_a_letter,
    another_life_of_a_room_begins_at_where_it_is,
    whoever_is_erased_waits_no_more_and_a_room_without_waiters_is_left,
);

const PACE: AskingPace = AskingPace { kept_max: 4, letters_max: 2, within: TimeDelta::days(7) };
const DAY: TimeDelta = TimeDelta::days(1);
const ZERO: Option<TimeDelta> = Some(TimeDelta::zero());

fn new(name: &str, author: &str, email: &str) -> NewAnswerMail {
    let (author, language) = (AuthorId::from_stored(author), "en".to_owned());
    NewAnswerMail {
        id: Uuid::now_v7(),
        room: room(name),
        author,
        email: email.into(),
        address_key: format!("key of {email}"),
        language,
    }
}

async fn ask(store: &Store, new: NewAnswerMail) -> AnswersAsked {
    store.ask_answers(new, "asked", PACE).await.expect("an answer")
}

/// Somebody who has confirmed it.
async fn waits(store: &Store, name: &str, author: &str, email: &str) -> Uuid {
    let new = new(name, author, email);
    let id = new.id;
    assert_eq!(ask(store, new).await, AnswersAsked::Asked);
    let confirmed = store.confirm_answers(id, DAY).await.expect("an answer");
    assert_eq!(confirmed, Some((room(name), format!("key of {email}"))));
    id
}

async fn an_address_is_asked_so_often_and_one_that_confirms_anew(db: &Database) {
    let store = db.ready().await;
    let first = new("a", "cat", "x");
    assert_eq!(ask(&store, first.clone()).await, AnswersAsked::Asked);
    assert_eq!(ask(&store, new("a", "cat", "x")).await, AnswersAsked::Asked, "the letter may be lost");
    assert_eq!(ask(&store, new("b", "dog", "x")).await, AnswersAsked::Quiet);
    assert_eq!(store.n_jobs(&["asked"]).await.expect("a number"), 2);
    assert!(!store.answer_mail(first.id).await.expect("an answer").expect("a row").is_confirmed);
    assert_eq!(store.confirm_answers(first.id, TimeDelta::seconds(-60)).await.expect("an answer"), None, "too late");
    assert!(store.confirm_answers(first.id, DAY).await.expect("an answer").is_some());
    assert!(store.confirm_answers(first.id, DAY).await.expect("an answer").is_some(), "pressed twice");
    assert_eq!(ask(&store, new("a", "cat", "x")).await, AnswersAsked::Quiet, "it is confirmed");
    assert_eq!(ask(&store, new("b", "cat", "x")).await, AnswersAsked::Asked, "who confirms may ask anew");
    assert_eq!(ask(&store, new("a", "cat", "y")).await, AnswersAsked::Asked);
    assert_eq!(ask(&store, new("a", "cat", "w")).await, AnswersAsked::Full, "four letters wait");
    assert_eq!(store.end_answers("key of x".into(), None).await.expect("an answer"), 2);
    assert_eq!(store.confirm_answers(first.id, DAY).await.expect("an answer"), None);
}

async fn one_of_two_who_look_notes_it_and_what_comes_later_begins_behind_a_letter(db: &Database) {
    let store = db.ready().await;
    store.append_batch(many(&room("a"), 3)).await.expect("stored");
    let id = waits(&store, "a", "cat", "x").await;
    assert!(store.anybody_waits().await.expect("an answer"));
    assert_eq!(store.rooms_with_answers().await.expect("rooms"), []);
    store.append_batch(many(&room("a"), 4)).await.expect("stored");
    let [from] = &store.rooms_with_answers().await.expect("rooms")[..] else { panic!("one room") };
    assert_eq!((from.rev, from.room.as_str()), (3, "a"), "what was before is not looked at");
    let read = store.answers_behind(from.clone()).await.expect("an answer").expect("a room");
    assert_eq!((read.place.rev, read.answers.len()), (7, 0));
    let mark = |first, last| vec![AnswerMark { id, first, last }];
    assert!(store.note_answers(from.clone(), read.place.clone(), mark(5, 6)).await.expect("an answer"));
    assert!(
        !store.note_answers(from.clone(), read.place.clone(), mark(4, 7)).await.expect("an answer"),
        "it was noted"
    );
    assert_eq!(store.due_answers().await.expect("rows"), [id]);
    assert!(store.queue_answers(id, ("told", "x".into()), 9).await.expect("an answer"));
    assert!(!store.queue_answers(id, ("told", "y".into()), 9).await.expect("an answer"), "one letter at a time");
    assert!(store.due_answers().await.expect("rows").is_empty());
    // While the letter waits there is another answer: the same letter takes it along.
    let place = |rev| chat_store::AnswerPlace { rev, ..read.place.clone() };
    assert!(store.note_answers(place(7), place(9), mark(8, 9)).await.expect("an answer"));
    let row = store.answer_mail(id).await.expect("an answer").expect("a row");
    assert_eq!((row.first_rev, row.last_rev), (5, 9));
    // And one more, when the letter was made already.
    assert!(store.note_answers(place(9), place(11), mark(11, 11)).await.expect("an answer"));
    store.answers_mailed(id, 9, ZERO).await.expect("noted");
    let row = store.answer_mail(id).await.expect("an answer").expect("a row");
    assert_eq!((row.first_rev, row.last_rev), (10, 11), "nothing is told twice");
    assert_eq!(store.due_answers().await.expect("rows"), [id]);
    store.answers_mailed(id, 11, Some(DAY)).await.expect("noted");
    assert!(store.note_answers(place(11), place(12), mark(12, 12)).await.expect("an answer"));
    assert!(store.due_answers().await.expect("rows").is_empty(), "not before the next letter may go");
    // Of another one of this room at this address neither.
    let other = waits(&store, "a", "dog", "x").await;
    assert!(
        store.note_answers(place(12), place(13), vec![AnswerMark { id: other, first: 13, last: 13 }]).await.expect("x")
    );
    assert_eq!(store.due_answers().await.expect("rows"), [other], "it is new, and was told of nothing yet");
    store.answers_mailed(other, 13, Some(DAY)).await.expect("noted");
    store.forget_answers(other).await.expect("forgotten");
    assert_eq!(store.answer_mail(other).await.expect("an answer"), None);
}

async fn another_life_of_a_room_begins_at_where_it_is(db: &Database) {
    let store = db.ready().await;
    store.append_batch(many(&room("a"), 3)).await.expect("stored");
    let id = waits(&store, "a", "cat", "x").await;
    let epoch = store.new_room_epoch(&room("a")).await.expect("an answer").expect("a room");
    let [from] = &store.rooms_with_answers().await.expect("rooms")[..] else { panic!("one room") };
    let read = store.answers_behind(from.clone()).await.expect("an answer").expect("a room");
    assert_eq!((read.place.epoch.to_string(), read.waiters.len()), (epoch.to_string(), 0));
    assert!(store.note_answers(from.clone(), read.place, Vec::new()).await.expect("an answer"));
    assert_eq!(store.rooms_with_answers().await.expect("rooms"), []);
    let row = store.answer_mail(id).await.expect("an answer").expect("a row");
    assert!(row.first_rev > row.last_rev, "nothing is new");
}

async fn whoever_is_erased_waits_no_more_and_a_room_without_waiters_is_left(db: &Database) {
    let store = db.ready().await;
    let (cat, dog) = (waits(&store, "a", "cat", "x").await, waits(&store, "b", "dog", "y").await);
    store.sweep_answers().await.expect("swept");
    store.erase_traces(vec![AuthorId::from_stored("cat")], Vec::new(), false).await.expect("erased");
    assert_eq!(store.answer_mail(cat).await.expect("an answer"), None);
    assert!(
        store.answer_mail(dog).await.expect("an answer").is_some() && store.anybody_waits().await.expect("an answer")
    );
    assert_eq!(store.end_answers("key of y".into(), Some(room("a"))).await.expect("an answer"), 0, "another room");
    assert_eq!(store.end_answers("key of y".into(), Some(room("b"))).await.expect("an answer"), 1);
    assert!(!store.anybody_waits().await.expect("an answer"));
}
