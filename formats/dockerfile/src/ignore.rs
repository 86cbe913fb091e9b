//! `.dockerignore`: which files of a context are no part of it.

use crate::pattern::Pattern;

/// Most lines that are looked at.
const MAX_LINES: usize = 10_000;

/// The patterns of an ignore file, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IgnoreFile {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    pattern: Pattern,
    /// `!pattern`: what it matches stays.
    keeps: bool,
}

impl IgnoreFile {
    /// Parses an ignore file.
    ///
    /// # Errors
    /// When a pattern is malformed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(str::trim);
        Self::of_patterns(lines.filter(|line| !line.is_empty()).take(MAX_LINES))
    }

    /// The same of single patterns, as `COPY --exclude` has them.
    ///
    /// # Errors
    /// As there.
    pub fn of_patterns<'a>(patterns: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut rules = Vec::new();
        for text in patterns {
            let (keeps, rest) = match text.strip_prefix('!') {
                Some("") => return Err("illegal exclusion pattern: \"!\"".to_owned()),
                Some(rest) => (true, rest.trim()),
                None => (false, text),
            };
            let Some(path) = cleaned(rest) else { continue };
            rules.push(Rule { pattern: Pattern::parse(&path, true)?, keeps });
        }
        Ok(Self { rules })
    }

    /// Whether a path, or a directory above it, is left out.
    #[must_use]
    pub fn excludes(&self, path: &str) -> bool {
        let mut excluded = false;
        for rule in &self.rules {
            if excluded == rule.keeps && rule.pattern.matches_or_parent(path) {
                excluded = !rule.keeps;
            }
        }
        excluded
    }

    /// Whether something below a directory that is left out may stay nevertheless.
    #[must_use]
    pub fn has_exceptions(&self) -> bool {
        self.rules.iter().any(|rule| rule.keeps)
    }

    /// Whether nothing is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// The path without `.`, `..` and a slash in front; `None` when nothing is left.
fn cleaned(text: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_lines_override_earlier_ones() {
        let ignore = IgnoreFile::parse("# comment\n*.md\n!README.md\nnode_modules\n/dist/\n**/*.tmp\n").unwrap();
        for path in ["a.md", "node_modules/x/y", "DIST/x", "a/b/c.tmp"] {
            assert!(ignore.excludes(path), "{path}");
        }
        for path in ["README.md", "sub/a.md", "src", "x/node_modules"] {
            assert!(!ignore.excludes(path), "{path}");
        }
        assert!(IgnoreFile::parse("*\n!keep\n").unwrap().has_exceptions());
        assert!(!IgnoreFile::parse("*\n!keep\n").unwrap().excludes("keep/inside"));
        assert!(IgnoreFile::parse("!").is_err() && IgnoreFile::parse("[a").is_err());
        assert!(IgnoreFile::parse("\n#x\n.\n").unwrap().is_empty());
    }
}
