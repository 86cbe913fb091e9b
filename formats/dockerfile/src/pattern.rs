//! Patterns with `*`, `?`, `[…]` and `**`, as Go's `filepath.Match` and Docker's ignore files have them, for names of Windows:
//! the case of letters means nothing, and there is no escape character, as the backslash separates names.

/// A pattern of path components, separated by `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    components: Vec<Vec<Token>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    One(char),
    AnyOne,
    AnyRun,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    /// `**`, alone in its component.
    AnyComponents,
}

impl Pattern {
    /// Parses a pattern. `**` as a component stands for any number of components if `any_depth` says so, else it is `*`.
    ///
    /// # Errors
    /// `syntax error in pattern` for a class that is not closed.
    pub fn parse(text: &str, any_depth: bool) -> Result<Self, String> {
        let mut components = Vec::new();
        for part in text.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".") {
            components.push(match part {
                "**" if any_depth => vec![Token::AnyComponents],
                _ => tokens(part)?,
            });
        }
        Ok(Self { components })
    }

    /// Whether a text has any character that makes it a pattern.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.contains(['*', '?', '['])
    }

    /// Whether the whole path matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split(['/', '\\']).filter(|name| !name.is_empty() && *name != ".").collect();
        self.matches_names(&names)
    }

    /// Whether the path, or a directory above it, matches.
    #[must_use]
    pub fn matches_or_parent(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split(['/', '\\']).filter(|name| !name.is_empty() && *name != ".").collect();
        (1..=names.len()).rev().any(|length| self.matches_names(&names[..length]))
    }

    /// Dynamic programming over components: linear in both, whatever the pattern is.
    fn matches_names(&self, names: &[&str]) -> bool {
        let mut reachable = vec![false; names.len() + 1];
        reachable[0] = true;
        for component in &self.components {
            let mut next = vec![false; names.len() + 1];
            if component.as_slice() == [Token::AnyComponents] {
                let mut open = false;
                for (index, reached) in reachable.iter().enumerate() {
                    open |= reached;
                    next[index] = open;
                }
            } else {
                for (index, name) in names.iter().enumerate() {
                    next[index + 1] = reachable[index] && name_matches(component, name);
                }
            }
            reachable = next;
        }
        reachable[names.len()]
    }
}

fn fold(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => character,
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let malformed = || "syntax error in pattern".to_owned();
    let mut tokens = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '*' if tokens.last() == Some(&Token::AnyRun) => {}
            '*' => tokens.push(Token::AnyRun),
            '?' => tokens.push(Token::AnyOne),
            '[' => {
                let negated = characters.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                loop {
                    let low = characters.next().ok_or_else(malformed)?;
                    if low == ']' && !ranges.is_empty() {
                        break;
                    }
                    if matches!(low, ']' | '-') {
                        return Err(malformed());
                    }
                    let high = match characters.next_if_eq(&'-') {
                        Some(_) => characters.next().filter(|high| *high != ']').ok_or_else(malformed)?,
                        None => low,
                    };
                    ranges.push((low, high));
                }
                tokens.push(Token::Class { negated, ranges });
            }
            other => tokens.push(Token::One(fold(other))),
        }
    }
    Ok(tokens)
}

/// Matches one name; `*` is tried again from its last place only, which is enough and never exponential.
fn name_matches(tokens: &[Token], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut token, mut at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < name.len() {
        let fits = match tokens.get(token) {
            Some(Token::AnyRun) => {
                retry = Some((token, at));
                token += 1;
                continue;
            }
            Some(Token::One(wanted)) => *wanted == fold(name[at]),
            Some(Token::AnyOne) => true,
            Some(Token::Class { negated, ranges }) => {
                let lower = name[at].to_lowercase().next().unwrap_or(name[at]);
                let within = |c: char| ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                (within(name[at]) || within(fold(name[at])) || within(lower)) != *negated
            }
            Some(Token::AnyComponents) | None => false,
        };
        if fits {
            (token, at) = (token + 1, at + 1);
        } else if let Some((star, from)) = retry {
            retry = Some((star, from + 1));
            (token, at) = (star + 1, from + 1);
        } else {
            return false;
        }
    }
    tokens[token..].iter().all(|token| *token == Token::AnyRun)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern::parse(pattern, true).unwrap().matches(path)
    }

    #[test]
    fn patterns_match_as_gos_do() {
        for (pattern, path) in [
            ("*.TXT", "a.txt"),
            ("a?c/*", "abc/x"),
            ("[a-c]x", "Bx"),
            ("[^a]x", "bx"),
            ("**/x", "x"),
            ("**/x", "a/b/x"),
            ("a/**", "a"),
            ("a/**/b", "a/x/y/b"),
            ("*a*b*", "xxaxxbxx"),
            ("dir\\*.exe", "dir/a.exe"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("*", "a/b"), ("a*", "b"), ("[a-c]x", "dx"), ("**/x", "a/y"), ("", "a"), ("a", "")] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
        for bad in ["[a", "[]", "[a-]", "[-a]"] {
            assert_eq!(Pattern::parse(bad, true).unwrap_err(), "syntax error in pattern", "{bad}");
        }
        assert!(Pattern::parse("a", true).unwrap().matches_or_parent("a/b/c"));
        assert!(!Pattern::parse("**", false).unwrap().matches("a/b"));
        assert!(!matches(&"*a".repeat(50), &"a".repeat(40)));
    }
}
