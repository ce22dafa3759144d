//! A code's parts and what each is. Pure.

use std::sync::LazyLock;

use serde::Serialize;
use syntect::parsing::{ParseState, SyntaxReference, SyntaxSet};

use super::class::{Class, Nesting};

/// Longest code that is coloured, in bytes (docs/LIMITS.md).
pub const CODE_BYTES_MAX: usize = 16 * 1024;
/// Longest name of a language that is looked for, in bytes.
pub const LANGUAGE_BYTES_MAX: usize = 32;
/// Lines behind so many have no colours.
const LINES_MAX: usize = 1_000;
/// Nor has a longer line, in bytes: it is data rather than code, and some patterns take the square of its length.
const LINE_BYTES_MAX: usize = 1_000;

/// The parts of a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Highlighted {
    /// The language's name, in lower case, as it was asked for; `None` where it is not known.
    pub language: Option<String>,
    /// What each part is, in order, none of them empty: its length in UTF-16 code units, as JavaScript counts, and its
    /// class.
    pub spans: Vec<(usize, Option<Class>)>,
    /// Time was up before the end: the rest has no colours.
    #[serde(skip)]
    pub is_cut_short: bool,
}

/// The syntaxes that syntect brings along. They are unpacked with the first code, and each language's patterns are made
/// with the first code in it: with six languages that took 20 MiB of memory.
static SYNTAXES: LazyLock<SyntaxSet> = LazyLock::new(SyntaxSet::load_defaults_newlines);

/// Names that are usual in fenced blocks and that the syntaxes do not have, with the nearest that they have.
const ALIASES: [(&str, &str); 13] = [
    ("c#", "cs"),
    ("console", "sh"),
    ("golang", "go"),
    ("hpp", "cpp"),
    ("jsonc", "json"),
    ("json5", "json"),
    ("jsx", "js"),
    ("mjs", "js"),
    ("shell", "sh"),
    ("ts", "js"),
    ("tsx", "js"),
    ("typescript", "js"),
    ("vue", "html"),
];

/// The language of this name, as it stands behind the first line of a fenced block.
fn syntax(name: &str) -> Option<&'static SyntaxReference> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, name)| *name);
    let syntax = SYNTAXES.find_syntax_by_token(alias.unwrap_or(name))?;
    (syntax.name != "Plain Text").then_some(syntax)
}

/// Colours a code. `is_late` is asked before each line whether time is up.
pub fn highlight(language: &str, code: &str, mut is_late: impl FnMut() -> bool) -> Highlighted {
    let name = language.trim().to_ascii_lowercase();
    let known = if name.len() <= LANGUAGE_BYTES_MAX { syntax(&name) } else { None };
    let mut spans = Spans::default();
    let Some(syntax) = known else {
        spans.add(code, None);
        return Highlighted { language: None, spans: spans.0, is_cut_short: false };
    };
    let (mut state, mut nesting) = (ParseState::new(syntax), Nesting::default());
    let (mut rest, mut is_cut_short) = (code, false);
    for line in code.split_inclusive('\n').take(LINES_MAX) {
        if is_late() {
            is_cut_short = true;
            break;
        }
        if line.len() > LINE_BYTES_MAX {
            spans.add(line, None);
        } else if !spans.add_line(line, &mut state, &mut nesting) {
            break;
        }
        rest = rest.strip_prefix(line).unwrap_or_default();
    }
    spans.add(rest, None);
    Highlighted { language: Some(name), spans: spans.0, is_cut_short }
}

/// Parts that grow at their end.
#[derive(Default)]
struct Spans(Vec<(usize, Option<Class>)>);

impl Spans {
    /// One more part. What has the class of the part before it becomes one with it.
    fn add(&mut self, text: &str, class: Option<Class>) {
        let length = text.encode_utf16().count();
        match self.0.last_mut() {
            _ if length == 0 => {}
            Some(last) if last.1 == class => last.0 += length,
            _ => self.0.push((length, class)),
        }
    }

    /// The parts of a line. False where the syntax fails at it, and nothing was added.
    fn add_line(&mut self, line: &str, state: &mut ParseState, nesting: &mut Nesting) -> bool {
        // These syntaxes want each line to end: the last one of a text may not.
        let ended = if line.ends_with('\n') { line.to_owned() } else { format!("{line}\n") };
        let Ok(ops) = state.parse_line(&ended, &SYNTAXES) else { return false };
        let mut begin = 0;
        for (at, op) in &ops {
            // What is not within the line, or in the middle of a character, cuts nothing off.
            if let Some(part) = line.get(begin..(*at).min(line.len())) {
                self.add(part, nesting.class());
                begin += part.len();
            }
            nesting.apply(op);
        }
        self.add(line.get(begin..).unwrap_or_default(), nesting.class());
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    /// What the page would show: each part of the text with its class.
    fn parts(language: &str, code: &str) -> Vec<(String, Option<Class>)> {
        let units: Vec<u16> = code.encode_utf16().collect();
        let mut begin = 0;
        let spans = highlight(language, code, || false).spans;
        let part = |(length, class): &(usize, Option<Class>)| {
            let text = String::from_utf16(&units[begin..begin + length]).expect("whole characters");
            begin += length;
            (text, *class)
        };
        spans.iter().map(part).collect()
    }

    fn class_of(language: &str, code: &str, word: &str) -> Option<Class> {
        let found = parts(language, code).into_iter().find(|(text, _)| text.contains(word));
        found.unwrap_or_else(|| panic!("{word} in {code}")).1
    }

    #[test]
    fn tells_what_words_are() {
        let rust = "// 주석 🎉\nfn main() -> Option<u8> {\n    let s = \"텍스트\"; foo(12.5, true)\n}";
        for (word, class) in [
            ("주석", Some(Class::Comment)),
            ("fn", Some(Class::Keyword)),
            ("main", Some(Class::Function)),
            ("텍스트", Some(Class::String)),
            ("12.5", Some(Class::Number)),
            ("true", Some(Class::Constant)),
            ("{", None),
        ] {
            assert_eq!(class_of("rs", rust, word), class, "{word}");
        }
        assert_eq!(class_of("js", "const a = `x ${b} y`;", "const"), Some(Class::Keyword));
        assert_eq!(class_of("js", "`x ${b} y`;", "b"), None, "an expression in a text is code");
        assert_eq!(class_of("html", "<p class=\"x\">y</p>", "class"), Some(Class::Attribute));
        assert_eq!(class_of("diff", "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n", "new"), Some(Class::Inserted));
    }

    #[test]
    fn knows_the_names_of_fenced_blocks() {
        for name in [
            "rs",
            "rust",
            "js",
            "javascript",
            "ts",
            "typescript",
            "jsx",
            "tsx",
            "py",
            "python",
            "java",
            "c",
            "cpp",
            "c++",
            "cs",
            "c#",
            "go",
            "golang",
            "rb",
            "ruby",
            "php",
            "html",
            "css",
            "xml",
            "json",
            "yaml",
            "yml",
            "sql",
            "sh",
            "bash",
            "shell",
            "console",
            "diff",
            "md",
            "markdown",
            "Rust",
            " rust ",
            "lua",
            "perl",
            "scala",
            "haskell",
            "r",
        ] {
            let found = highlight(name, "x", || false);
            assert_eq!(found.language, Some(name.trim().to_ascii_lowercase()), "{name}");
        }
        for name in ["", "text", "txt", "plain text", "nothing of the kind", "../rs", &"rs".repeat(40)] {
            let found = highlight(name, "fn 🎉", || false);
            assert_eq!((found.language, found.spans), (None, vec![(5, None)]), "{name}");
        }
    }

    #[test]
    fn what_is_too_much_has_no_colours() {
        let long = format!("let a = 1;\n\"{}\"\nlet b = 2;\n", "x".repeat(LINE_BYTES_MAX));
        assert_eq!(class_of("rs", &long, "xx"), None);
        assert_eq!(class_of("rs", &long, "2"), Some(Class::Number), "lines behind a long one have theirs");
        let many = "let a = 1;\n".repeat(LINES_MAX + 1);
        let spans = highlight("rs", &many, || false).spans;
        assert_eq!(spans.iter().filter(|(_, class)| *class == Some(Class::Number)).count(), LINES_MAX);
        assert_eq!(spans.iter().map(|(length, _)| length).sum::<usize>(), many.len());
        let mut n_lines = 0;
        let late = highlight("rs", &many, || {
            n_lines += 1;
            n_lines > 3
        });
        assert!(late.is_cut_short);
        assert_eq!(late.spans.iter().filter(|(_, class)| *class == Some(Class::Number)).count(), 3);
        assert_eq!(late.spans.iter().map(|(length, _)| length).sum::<usize>(), many.len());
    }

    /// Brackets in brackets are what a stack of scopes grows with.
    #[test]
    fn deep_nesting_takes_no_square_of_its_depth() {
        for language in ["js", "rs", "json", "py", "c", "html", "md"] {
            let code = ["((([[[{{{<<<"; 15].concat().repeat(90);
            let code: String = code.chars().take(CODE_BYTES_MAX).collect();
            let lines: Vec<_> = code.as_bytes().chunks(100).map(|c| String::from_utf8_lossy(c)).collect();
            let began = Instant::now();
            highlight(language, &lines.join("\n"), || began.elapsed() > Duration::from_secs(20));
            assert!(began.elapsed() < Duration::from_secs(20), "{language}: {:?}", began.elapsed());
        }
    }

    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("\n".to_owned()),
            Just("\r\n".to_owned()),
            "[-{}()<>\\[\\]\"'`/*#$%&=;:.,!?\\\\ a-z0-9]{0,12}",
            "(fn|let|class|if|def|return|/\\*|\\*/|//|<!--|-->|```rust|<script>|</script>|\\$\\{) ?",
            any::<String>(),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        /// Whatever the text and the language: the parts are the text, none is empty, and no two that touch are alike.
        #[test]
        fn the_parts_sum_up(code in text(), at in any::<prop::sample::Index>(), named in "[a-z+#]{0,6}", is_known in any::<bool>()) {
            let syntaxes = SYNTAXES.syntaxes();
            let name = if is_known { syntaxes[at.index(syntaxes.len())].name.clone() } else { named };
            let found = highlight(&name, &code, || false);
            prop_assert_eq!(found.spans.iter().map(|(length, _)| length).sum::<usize>(), code.encode_utf16().count());
            prop_assert!(found.spans.iter().all(|(length, _)| *length > 0));
            prop_assert!(found.spans.windows(2).all(|two| two[0].1 != two[1].1));
            prop_assert!(found.language.is_some() || found.spans.len() <= 1);
            // No part ends in the middle of a character.
            parts(&name, &code);
        }
    }
}
