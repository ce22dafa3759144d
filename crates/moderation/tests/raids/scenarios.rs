//! Who writes what when: raids, and crowds that are none.

use crate::random::Random;

/// What somebody does.
pub enum Act {
    Message { author: String, is_new: bool, n_links: usize, text: String, address: u64 },
    Blocked,
    Report,
}

/// Something that is done, so many milliseconds after the scenario's start.
pub struct Event {
    pub at_ms: u64,
    pub act: Act,
}

/// A scenario: its name and its events.
pub struct Scenario {
    pub name: &'static str,
    pub events: fn(&mut Random) -> Vec<Event>,
}

const MINUTE: u64 = 60_000;

/// One message; each author has an address of their own where `address` is `None`.
fn message(at_ms: u64, author: String, is_new: bool, text: String, address: Option<u64>) -> Event {
    let own = author.bytes().fold(7_u64, |sum, b| sum.wrapping_mul(131).wrapping_add(u64::from(b)));
    let n_links = text.matches("https://").count();
    Event { at_ms, act: Act::Message { author, is_new, n_links, text, address: address.unwrap_or(own) } }
}

/// Calls `make` at times that are `mean_ms` apart on average.
fn at_times(
    random: &mut Random,
    length_ms: u64,
    mean_ms: u64,
    mut make: impl FnMut(&mut Random, u64, u64) -> Event,
) -> Vec<Event> {
    let (mut events, mut at) = (Vec::new(), random.pause_ms(mean_ms));
    while at < length_ms {
        let n = u64::try_from(events.len()).unwrap();
        events.push(make(random, n, at));
        at += random.pause_ms(mean_ms).max(1);
    }
    events
}

/// The room as it is without anything special: people who are known, and now and then somebody new.
pub fn usual(random: &mut Random, length_ms: u64) -> Vec<Event> {
    let mut events = at_times(random, length_ms, 30_000, |random, _, at| {
        message(at, format!("known-{}", random.below(40)), false, random.sentence(), None)
    });
    events.extend(at_times(random, length_ms, 120_000, |random, n, at| {
        let link = if random.happens(5) { " https://example.com/" } else { "" };
        message(at, format!("visitor-{n}"), true, random.sentence() + link, None)
    }));
    events
}

const PASTED: &str = "Everybody leave this blog, the author is a thief, the truth is in our channel, come and see";

/// The pasted text with a word in front, other digits or letters behind, and a sign changed.
fn changed(random: &mut Random) -> String {
    let greeting = random.one_of(&["", "hey ", "ㅋㅋ ", "lol ", "WOW "]);
    let sign = random.one_of(&[",", "!", " -", "..."]);
    let tail = random.one_of(&["", "!!", " xd", " ㄱㄱ", " go"]);
    format!("{greeting}{}{tail}{}", PASTED.replace(',', sign), random.below(1_000))
}

pub const RAIDS: [Scenario; 9] = [
    Scenario {
        name: "one identity pastes one text, once a second",
        events: |random| {
            at_times(random, 10 * MINUTE, 1_000, |_, _, at| message(at, "raider".into(), true, PASTED.into(), None))
        },
    },
    Scenario {
        name: "one identity writes other texts, two in three seconds",
        events: |random| {
            at_times(random, 10 * MINUTE, 1_500, |random, _, at| {
                message(at, "raider".into(), true, random.sentence(), None)
            })
        },
    },
    Scenario {
        name: "a thousand identities, each its own texts, 50 a second",
        events: |random| {
            at_times(random, 2 * MINUTE, 20, |random, _, at| {
                message(at, format!("raider-{}", random.below(1_000)), true, random.sentence(), None)
            })
        },
    },
    Scenario {
        name: "200 identities from 5 addresses, each its own texts, 3 a second",
        events: |random| {
            at_times(random, 5 * MINUTE, 333, |random, _, at| {
                let who = random.below(200);
                message(at, format!("raider-{who}"), true, random.sentence(), Some(who % 5))
            })
        },
    },
    Scenario {
        name: "100 identities and addresses paste a text with small changes, one a second",
        events: |random| {
            at_times(random, 10 * MINUTE, 1_000, |random, _, at| {
                message(at, format!("raider-{}", random.below(100)), true, changed(random), None)
            })
        },
    },
    Scenario {
        name: "ever new identities and addresses, each its own text with a link, 30 a minute",
        events: |random| {
            at_times(random, 20 * MINUTE, 2_000, |random, n, at| {
                let text = format!("{} https://{}.example/", random.sentence(), random.below(1_000_000));
                message(at, format!("raider-{n}"), true, text, None)
            })
        },
    },
    Scenario {
        name: "a slow drip: ever new identities paste with small changes, two a minute for three hours",
        events: |random| {
            at_times(random, 180 * MINUTE, 30_000, |random, n, at| {
                message(at, format!("raider-{n}"), true, changed(random), None)
            })
        },
    },
    Scenario {
        name: "blocked words, two tries a second, one in ten gets through",
        events: |random| {
            at_times(random, 5 * MINUTE, 500, |random, n, at| {
                if random.happens(90) {
                    return Event { at_ms: at, act: Act::Blocked };
                }
                message(at, format!("raider-{}", n % 50), true, random.sentence(), None)
            })
        },
    },
    Scenario {
        name: "pasted with small changes into a live event, one in two seconds",
        events: |random| {
            let mut events = live(random, 20 * MINUTE);
            events.extend(at_times(random, 20 * MINUTE, 2_000, |random, n, at| {
                message(at, format!("raider-{}", n % 60), true, changed(random), None)
            }));
            events
        },
    },
];

/// Known people who write fast, with much laughter and the same cries, and some new ones among them.
fn live(random: &mut Random, length_ms: u64) -> Vec<Event> {
    const CRIES: [&str; 6] =
        ["ㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋ", "와 대박", "골!!!!", "lol", "hahahahahahahahaha", "👏👏👏"];
    at_times(random, length_ms, 250, |random, _, at| {
        let is_new = random.happens(8);
        let name = if is_new { "visitor-live" } else { "known" };
        let author = format!("{name}-{}", random.below(40));
        let text = if random.happens(70) { random.one_of(&CRIES).to_owned() } else { random.sentence() };
        message(at, author, is_new, text, None)
    })
}

pub const CROWDS: [Scenario; 8] = [
    Scenario {
        name: "a post on a front page: 100 new people a minute for 20 minutes, each their own text, some quote the same line",
        events: |random| {
            at_times(random, 20 * MINUTE, 600, |random, n, at| {
                let quote = "As the post says, nobody has ever measured this before. ";
                let mut text = random.sentence();
                if random.happens(5) {
                    text = format!("{quote}{}", random.one_of(&["", "Really?", "맞아요"]));
                } else if random.happens(3) {
                    text += " https://example.com/source";
                } else if random.happens(20) {
                    text = random.one_of(&["좋은 글 감사합니다", "Great post!", "+1", "ㅋㅋㅋ"]).to_owned();
                }
                // One in six writes from a network that many share.
                let shared = random.happens(15).then(|| random.below(4));
                message(at, format!("reader-{}", n - random.below(3).min(n)), true, text, shared)
            })
        },
    },
    Scenario {
        name: "a larger front page: 200 new people a minute at its peak",
        events: |random| {
            let mut events = at_times(random, 30 * MINUTE, 600, |random, n, at| {
                message(at, format!("reader-{n}"), true, random.sentence(), None)
            });
            events.extend(at_times(random, 6 * MINUTE, 600, |random, n, at| {
                message(at + 10 * MINUTE, format!("more-{n}"), true, random.sentence(), None)
            }));
            events
        },
    },
    Scenario {
        name: "a live event: 40 known people, four messages a second, laughter",
        events: |random| live(random, 30 * MINUTE),
    },
    Scenario {
        name: "congratulations: 150 new people in 10 minutes with a few greetings, one in ten a long one",
        events: |random| {
            at_times(random, 10 * MINUTE, 4_000, |random, n, at| {
                let text = match random.below(10) {
                    0 => "Congratulations on the launch, well deserved!".to_owned(),
                    1..=3 => random.sentence(),
                    _ => random.one_of(&["축하합니다!", "축하드려요 ㅎㅎ", "Congrats!!", "와 축하해요"]).to_owned(),
                };
                message(at, format!("guest-{n}"), true, text, None)
            })
        },
    },
    Scenario {
        name: "a school class: 30 new people from one address, six messages a minute for an hour",
        events: |random| {
            at_times(random, 60 * MINUTE, 10_000, |random, _, at| {
                message(at, format!("pupil-{}", random.below(30)), true, random.sentence(), Some(1))
            })
        },
    },
    Scenario {
        name: "a thread of links: 40 new people in half an hour, a link each",
        events: |random| {
            at_times(random, 30 * MINUTE, 45_000, |random, n, at| {
                let text = format!("{} https://{}.example/", random.sentence(), random.below(1_000));
                message(at, format!("guest-{n}"), true, text, None)
            })
        },
    },
    Scenario {
        name: "two new people quarrel: 15 messages a minute, four blocked, six reports",
        events: |random| {
            let mut events = at_times(random, 15 * MINUTE, 4_000, |random, _, at| {
                message(at, format!("angry-{}", random.below(2)), true, random.sentence(), None)
            });
            events.extend((0..4).map(|n| Event { at_ms: (n * 3 + 1) * MINUTE, act: Act::Blocked }));
            events.extend((0..6).map(|n| Event { at_ms: (n * 2 + 2) * MINUTE, act: Act::Report }));
            events
        },
    },
    Scenario { name: "half a day as usual", events: |random| usual(random, 720 * MINUTE) },
];
