//! The few classes that the many scopes of the syntaxes are folded into.

use std::sync::LazyLock;

use serde::Serialize;
use syntect::parsing::{ClearAmount, Scope, ScopeStackOp};

/// What a part of a code is (docs/openapi.json). What is none of these has no class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A comment.
    Comment,
    /// A text, quotes and escapes included.
    String,
    /// A number.
    Number,
    /// `true`, `null`, and what a language has like them.
    Constant,
    /// A word of the language.
    Keyword,
    /// An operator.
    Operator,
    /// The name of a type.
    Type,
    /// The name of a function.
    Function,
    /// The name of an element, as in HTML.
    Tag,
    /// The name of an attribute.
    Attribute,
    /// A heading, as in Markdown.
    Heading,
    /// A line that a difference adds.
    Inserted,
    /// A line that a difference takes away.
    Deleted,
}

/// Beginnings of scopes, the first that fits counts. `None`: what is within looks like code again, whatever is around
/// it, as an expression in a text does.
const RULES: [(&str, Option<Class>); 36] = [
    ("source", None),
    ("meta.interpolation", None),
    ("meta.template.expression", None),
    ("comment", Some(Class::Comment)),
    ("string.unquoted", None),
    ("string", Some(Class::String)),
    ("constant.character", Some(Class::String)),
    ("constant.other.symbol", Some(Class::String)),
    ("constant.numeric", Some(Class::Number)),
    ("constant.other.color", Some(Class::Number)),
    ("constant", Some(Class::Constant)),
    ("variable.language", Some(Class::Constant)),
    ("support.constant", Some(Class::Constant)),
    ("keyword.operator", Some(Class::Operator)),
    ("keyword.other.unit", Some(Class::Number)),
    ("keyword", Some(Class::Keyword)),
    ("storage", Some(Class::Keyword)),
    ("entity.name.function", Some(Class::Function)),
    ("support.function", Some(Class::Function)),
    ("variable.function", Some(Class::Function)),
    ("variable.annotation", Some(Class::Function)),
    ("entity.name.macro", Some(Class::Function)),
    ("support.macro", Some(Class::Function)),
    ("entity.name.tag", Some(Class::Tag)),
    ("entity.other.attribute-name", Some(Class::Attribute)),
    ("support.type.property-name", Some(Class::Attribute)),
    ("entity.name.section", Some(Class::Heading)),
    ("markup.heading", Some(Class::Heading)),
    ("markup.inserted", Some(Class::Inserted)),
    ("markup.deleted", Some(Class::Deleted)),
    ("markup.raw", Some(Class::String)),
    ("entity.name", Some(Class::Type)),
    ("entity.other.inherited-class", Some(Class::Type)),
    ("support.type", Some(Class::Type)),
    ("support.class", Some(Class::Type)),
    ("variable.other.constant", Some(Class::Constant)),
];

/// What a scope says of what is within it; `None` where it says nothing.
fn said_by(scope: Scope) -> Option<Option<Class>> {
    static SCOPES: LazyLock<Vec<(Scope, Option<Class>)>> = LazyLock::new(|| {
        let scope = |(name, class): (&str, _)| Scope::new(name).ok().map(|scope| (scope, class));
        RULES.into_iter().filter_map(scope).collect()
    });
    SCOPES.iter().find(|(beginning, _)| beginning.is_prefix_of(scope)).map(|(_, class)| *class)
}

/// The scopes around a place in a text, as far as they matter: for each the class of what is within it, so that the
/// innermost one is the answer however deep brackets are nested.
#[derive(Debug, Default)]
pub struct Nesting {
    classes: Vec<Option<Class>>,
    cleared: Vec<Vec<Option<Class>>>,
}

impl Nesting {
    /// The class of what stands here.
    pub fn class(&self) -> Option<Class> {
        self.classes.last().copied().flatten()
    }

    /// Goes over a place where scopes begin or end.
    pub fn apply(&mut self, op: &ScopeStackOp) {
        match op {
            ScopeStackOp::Push(scope) => {
                let class = said_by(*scope).unwrap_or_else(|| self.class());
                self.classes.push(class);
            }
            ScopeStackOp::Pop(n) => self.classes.truncate(self.classes.len().saturating_sub(*n)),
            ScopeStackOp::Clear(amount) => {
                let n_kept = match amount {
                    ClearAmount::TopN(n) => self.classes.len().saturating_sub(*n),
                    ClearAmount::All => 0,
                };
                self.cleared.push(self.classes.iter().skip(n_kept).copied().collect());
                self.classes.truncate(n_kept);
            }
            ScopeStackOp::Restore => self.classes.extend(self.cleared.pop().unwrap_or_default()),
            ScopeStackOp::Noop => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(scope: &str) -> ScopeStackOp {
        ScopeStackOp::Push(Scope::new(scope).expect("a scope"))
    }

    #[test]
    fn every_rule_is_a_scope_and_can_be_reached() {
        for (name, class) in RULES {
            assert_eq!(said_by(Scope::new(name).expect("a scope")), Some(class), "{name}");
        }
    }

    #[test]
    fn the_innermost_scope_that_says_something_counts() {
        let mut nesting = Nesting::default();
        for (scope, expected) in [
            ("source.js", None),
            ("string.quoted.double.js", Some(Class::String)),
            ("punctuation.definition.string.begin.js", Some(Class::String)),
            ("source.js.embedded.expression", None),
            ("constant.numeric.js", Some(Class::Number)),
        ] {
            nesting.apply(&push(scope));
            assert_eq!(nesting.class(), expected, "{scope}");
        }
        nesting.apply(&ScopeStackOp::Pop(2));
        assert_eq!(nesting.class(), Some(Class::String));
        nesting.apply(&ScopeStackOp::Clear(ClearAmount::TopN(2)));
        assert_eq!(nesting.class(), None);
        nesting.apply(&ScopeStackOp::Restore);
        assert_eq!(nesting.class(), Some(Class::String));
        for op in [ScopeStackOp::Pop(99), ScopeStackOp::Restore, ScopeStackOp::Clear(ClearAmount::All)] {
            nesting.apply(&op);
            assert_eq!(nesting.class(), None);
        }
    }
}
