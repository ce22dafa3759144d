//! Prints how long the check of a text takes: `cargo run --release -p chat-moderation --example check_time`.

use std::{hint::black_box, time::Instant};

use chat_moderation::{RoomRules, TextRules};

/// The best mean of many short rounds: whatever else the machine does only makes it longer.
fn micros(mut work: impl FnMut()) -> f64 {
    let round = |_| {
        let (start, n) = (Instant::now(), 50_u32);
        for _ in 0..n {
            work();
        }
        start.elapsed().as_secs_f64() * 1e6 / f64::from(n)
    };
    (0..100).map(round).fold(f64::INFINITY, f64::min)
}

fn main() {
    // Words as such lists have them: half Korean, half English.
    let syllables = ["가", "나", "도", "리", "모", "부", "시", "자", "찬", "후"];
    let letters = ["ba", "ce", "do", "fi", "gu", "ka", "le", "mi", "no", "ru"];
    let word = |n: usize| {
        let set = if n.is_multiple_of(2) { syllables } else { letters };
        [n, n / 10, n / 100, n / 7].map(|at| set.get(at % 10).copied().unwrap_or("")).concat()
    };
    let blocked_patterns = [
        r"\d{3}-\d{4}-\d{4}",
        r"(?i)free\s+money",
        r"카톡\s*[:：]",
        r"(?i)casino|slots|poker",
        r"텔레\s*그램",
        r"(?i)t\.me/\w+",
        r"[A-Z]{20}",
        r"(?i)(buy|sell)\s+\w+\s+now",
        r"입금\s*\d+",
        r"무료\s*(코인|머니)",
    ];
    let rules = RoomRules {
        blocked_words: (0..1_000).map(word).collect(),
        blocked_patterns: blocked_patterns.map(str::to_owned).to_vec(),
        links_max: Some(2),
        ..RoomRules::default()
    };
    let start = Instant::now();
    let compiled = TextRules::compile(&rules).map_err(|error| error.to_string());
    println!("compiled in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let Ok(compiled) = compiled else { return println!("{compiled:?}") };
    let words_only = RoomRules { blocked_patterns: Vec::new(), ..rules };
    let Ok(words_only) = TextRules::compile(&words_only) else { return };

    let texts = [
        ("English", "I think that the second part is wrong. "),
        ("Korean", "저는 두 번째 부분이 조금 이상하다고 생각해요, 그래서 다시 읽었어요 "),
        ("emoji and quotes", "정말 “재미있는” 글이네요 😀👍 ㅋㅋㅋ 다음 글도 기대할게요❤️ 고마워요!! "),
        ("Russian", "Я думаю, что вторая часть неправильна, да "),
        ("with digits", "v2.0 has 3x more b00ks and m4ny l3tters "),
    ];
    for (name, text) in texts {
        for n in [40, 2_000] {
            let text: String = text.chars().cycle().take(n).collect();
            assert_eq!(compiled.check(&text), Ok(()), "{name}");
            let all = micros(|| {
                let _ = black_box(compiled.check(black_box(&text)));
            });
            let words = micros(|| {
                let _ = black_box(words_only.check(black_box(&text)));
            });
            println!("{name:18} {n:5} characters: {all:8.2} us, without patterns {words:8.2} us");
        }
    }
    let hard = [
        "(?:a|b|가|.){0,150}[xy]z",
        "(?:.?){50}x",
        "(a?){120}a{120}z",
        r"(?:[ab가].{0,20}){1,10}z",
        r"(?:\w.{0,8}){1,9}z",
        "(?s)(?:.|..|...){1,60}q",
        "(?:.{0,99}x){3}q",
        r"[ab가].{0,90}[ab가].{0,90}z",
        "(?:a?b?가?.?){80}z",
    ];
    let text = "ab가".repeat(666);
    for pattern in hard {
        let rules = RoomRules { blocked_patterns: vec![pattern.to_owned()], ..RoomRules::default() };
        match TextRules::compile(&rules) {
            Ok(rules) => {
                let start = Instant::now();
                let _ = black_box(rules.check(&text));
                println!("hard pattern {pattern:30} {:9.1} us", start.elapsed().as_secs_f64() * 1e6);
            }
            Err(error) => println!("hard pattern {pattern:30} {error}"),
        }
    }
}
