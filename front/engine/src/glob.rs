//! Patterns of names, as Go's `path.Match` reads them: `*` and `?` stop at a slash, `[a-z]` is a set, `\` quotes.

/// Longest pattern that is tried; longer ones match nothing.
const MAX_PATTERN: usize = 1024;

/// Whether `text` fits `pattern` from end to end. `None` when the pattern is malformed.
pub(crate) fn matches(pattern: &str, text: &str) -> Option<bool> {
    if pattern.len() > MAX_PATTERN {
        return Some(false);
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let tokens = tokens(&pattern)?;
    let text: Vec<char> = text.chars().collect();
    // Where in the text a match may stand before each token: no backtracking, so no pattern is slow.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for token in &tokens {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            match token {
                Token::Any => {
                    let stretched = at > 0 && next[at - 1] && text[at - 1] != '/';
                    next[at] = reached[at] || stretched;
                }
                single => {
                    next[at] = at > 0 && reached[at - 1] && single.admits(text[at - 1]);
                }
            }
        }
        reached = next;
    }
    Some(reached[text.len()])
}

enum Token {
    /// `*`
    Any,
    /// `?`
    One,
    Literal(char),
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Token {
    fn admits(&self, character: char) -> bool {
        match self {
            Self::Any | Self::One => character != '/',
            Self::Literal(wanted) => *wanted == character,
            Self::Set { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != *negated
            }
        }
    }
}

fn tokens(pattern: &[char]) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = pattern.iter().copied().peekable();
    while let Some(character) = rest.next() {
        tokens.push(match character {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => Token::Literal(rest.next()?),
            '[' => {
                let negated = rest.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                while rest.peek() != Some(&']') || ranges.is_empty() {
                    let low = member(&mut rest)?;
                    let high = if rest.next_if_eq(&'-').is_some() { member(&mut rest)? } else { low };
                    ranges.push((low, high));
                }
                rest.next();
                Token::Set { negated, ranges }
            }
            literal => Token::Literal(literal),
        });
    }
    Some(tokens)
}

fn member(rest: &mut impl Iterator<Item = char>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        character => Some(character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, text, fits) in [
            ("nano*", "nanoserver:1809", true),
            ("*server", "nanoserver", true),
            ("*", "windows/nanoserver", false),
            ("*/*:1809", "windows/nanoserver:1809", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            (r"a\*", "a*", true),
            ("", "", true),
            ("**", "x", true),
        ] {
            assert_eq!(matches(pattern, text), Some(fits), "{pattern} {text}");
        }
        for malformed in ["[", "[]", "[a", r"a\", "[a-]"] {
            assert_eq!(matches(malformed, "a"), None, "{malformed}");
        }
        let slow = "*a".repeat(400);
        assert_eq!(matches(&slow, &"a".repeat(300)), Some(false));
    }
}
