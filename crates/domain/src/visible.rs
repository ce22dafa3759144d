/// Code points that draw nothing: U+2800 and those that Unicode lists as Default_Ignorable_Code_Point
/// (DerivedCoreProperties.txt), less those that a nickname may have where they belong; line and paragraph
/// separators, noncharacters and private use too, since nobody can read them.
pub(super) fn draws_nothing(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        | '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{f0000}'..='\u{10ffff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Whether a text has something that a reader can see.
pub fn shows_something(text: &str) -> bool {
    let is_selector = |c: char| ('\u{fe00}'..='\u{fe0f}').contains(&c);
    text.chars().any(|c| !c.is_whitespace() && !c.is_control() && !is_selector(c) && !draws_nothing(c))
}
