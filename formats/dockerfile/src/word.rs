//! Words with variables: `$NAME`, `${NAME:-word}` and their kin, quotes and escapes, as Docker's builder reads them.

use crate::error::WordError;
use regex_lite::{NoExpand, Regex};

/// Deepest `${a:-${b:-…}}`.
const MAX_DEPTH: usize = 64;
/// Longest result of one word, in bytes: variables in variables must not fill the memory.
const MAX_RESULT: usize = 4 << 20;
/// Longest pattern of `${NAME#pattern}`, in bytes.
const MAX_PATTERN: usize = 4096;

/// Where the values of variables come from.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Replaces the variables of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    escape: char,
}

impl Words {
    /// For a Dockerfile with this escape character.
    #[must_use]
    pub fn new(escape: char) -> Self {
        Self { escape }
    }

    /// The word with its variables replaced and its quotes taken off.
    ///
    /// # Errors
    /// When quotes or braces are not closed, or a modifier is unknown.
    pub fn expand(&self, word: &str, variables: Variables<'_>) -> Result<String, WordError> {
        Ok(Lexer::plain(self.escape).read(word, variables)?.0)
    }

    /// As [`Words::expand`], split at blanks that are not quoted.
    ///
    /// # Errors
    /// As there.
    pub fn expand_to_words(&self, word: &str, variables: Variables<'_>) -> Result<Vec<String>, WordError> {
        Lexer::plain(self.escape).words(word, variables)
    }

    /// A text with its variables replaced, in which quotes mean nothing: the content of a heredoc.
    ///
    /// # Errors
    /// As [`Words::expand`].
    pub fn expand_text(&self, text: &str, variables: Variables<'_>) -> Result<String, WordError> {
        let lexer = Lexer { plain_quotes: true, ..Lexer::plain(self.escape) };
        Ok(lexer.read(text, variables)?.0)
    }
}

/// The reader of words with all its switches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lexer {
    pub(crate) escape: char,
    /// Quotes stay in the result.
    pub(crate) raw_quotes: bool,
    /// Escape characters stay in the result.
    pub(crate) raw_escapes: bool,
    /// Variables that are not set stay in the result.
    pub(crate) keep_unset: bool,
    /// Quotes are characters like others.
    pub(crate) plain_quotes: bool,
}

impl Lexer {
    pub(crate) fn plain(escape: char) -> Self {
        Self { escape, raw_quotes: false, raw_escapes: false, keep_unset: false, plain_quotes: false }
    }

    pub(crate) fn keeping_unset(escape: char) -> Self {
        Self { keep_unset: true, ..Self::plain(escape) }
    }

    pub(crate) fn raw(escape: char) -> Self {
        Self { raw_quotes: true, raw_escapes: true, ..Self::keeping_unset(escape) }
    }

    pub(crate) fn words(&self, word: &str, variables: Variables<'_>) -> Result<Vec<String>, WordError> {
        Ok(self.read(word, variables)?.1)
    }

    fn read(&self, word: &str, variables: Variables<'_>) -> Result<(String, Vec<String>), WordError> {
        let characters: Vec<char> = word.chars().collect();
        let mut reader = Reader { lexer: *self, characters: &characters, at: 0, variables, depth: 0 };
        let failed = |why| WordError { word: word.chars().take(200).collect(), why };
        reader.until(None, self.raw_escapes).map_err(failed)
    }
}

struct Reader<'a> {
    lexer: Lexer,
    characters: &'a [char],
    at: usize,
    variables: Variables<'a>,
    depth: usize,
}

/// A result that is also collected in words.
#[derive(Default)]
struct Collected {
    text: String,
    words: Vec<String>,
    word: String,
    inside: bool,
}

impl Collected {
    fn literal(&mut self, text: &str) {
        self.text.push_str(text);
        self.word.push_str(text);
        self.inside = true;
    }

    fn split(&mut self, text: &str) {
        self.text.push_str(text);
        for character in text.chars() {
            if !character.is_whitespace() {
                self.word.push(character);
                self.inside = true;
            } else if self.inside && !self.word.is_empty() {
                self.words.push(std::mem::take(&mut self.word));
                self.inside = false;
            }
        }
    }

    fn end(mut self) -> (String, Vec<String>) {
        if !self.word.is_empty() {
            self.words.push(self.word);
        }
        (self.text, self.words)
    }
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    /// Reads up to `stop`, or to the end.
    fn until(&mut self, stop: Option<char>, raw_escapes: bool) -> Result<(String, Vec<String>), String> {
        if self.depth > MAX_DEPTH {
            return Err("syntax error: too many nested substitutions".to_owned());
        }
        let mut collected = Collected::default();
        while let Some(character) = self.peek() {
            if collected.text.len() > MAX_RESULT {
                return Err("the result is too long".to_owned());
            }
            if stop == Some(character) {
                self.at += 1;
                return Ok(collected.end());
            }
            match character {
                '$' => {
                    let value = self.dollar()?;
                    collected.split(&value);
                }
                '\'' if !self.lexer.plain_quotes => {
                    let text = self.single_quoted()?;
                    collected.literal(&text);
                }
                '"' if !self.lexer.plain_quotes => {
                    let text = self.double_quoted(raw_escapes)?;
                    collected.literal(&text);
                }
                _ if character == self.lexer.escape => {
                    self.at += 1;
                    if raw_escapes {
                        collected.literal(character.encode_utf8(&mut [0; 4]));
                    }
                    // At the end it escapes nothing.
                    if let Some(next) = self.next() {
                        collected.literal(next.encode_utf8(&mut [0; 4]));
                    }
                }
                _ => {
                    self.at += 1;
                    collected.split(character.encode_utf8(&mut [0; 4]));
                }
            }
        }
        match stop {
            Some(stop) => Err(format!("unexpected end of statement while looking for matching {stop}")),
            None => Ok(collected.end()),
        }
    }

    fn single_quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        self.at += 1;
        if self.lexer.raw_quotes {
            text.push('\'');
        }
        loop {
            match self.next() {
                None => {
                    return Err("unexpected end of statement while looking for matching single-quote".to_owned());
                }
                Some('\'') => {
                    if self.lexer.raw_quotes {
                        text.push('\'');
                    }
                    return Ok(text);
                }
                Some(other) => text.push(other),
            }
        }
    }

    fn double_quoted(&mut self, raw_escapes: bool) -> Result<String, String> {
        let mut text = String::new();
        self.at += 1;
        if self.lexer.raw_quotes {
            text.push('"');
        }
        loop {
            match self.peek() {
                None => {
                    return Err("unexpected end of statement while looking for matching double-quote".to_owned());
                }
                Some('"') => {
                    self.at += 1;
                    if self.lexer.raw_quotes {
                        text.push('"');
                    }
                    return Ok(text);
                }
                Some('$') => text.push_str(&self.dollar()?),
                Some(character) => {
                    self.at += 1;
                    let mut taken = character;
                    if character == self.lexer.escape {
                        if raw_escapes {
                            text.push(character);
                        }
                        match self.peek() {
                            None => continue,
                            // Only these can be escaped in quotes.
                            Some(next) if next == '"' || next == '$' || next == self.lexer.escape => {
                                self.at += 1;
                                taken = next;
                            }
                            Some(_) => {}
                        }
                    }
                    text.push(taken);
                }
            }
        }
    }

    fn dollar(&mut self) -> Result<String, String> {
        self.depth += 1;
        let value = self.substitution();
        self.depth -= 1;
        value
    }

    fn substitution(&mut self) -> Result<String, String> {
        self.at += 1;
        if self.peek() != Some('{') {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".to_owned());
            }
            return Ok(match (self.variables)(&name) {
                Some(value) => value,
                None if self.lexer.keep_unset => format!("${name}"),
                None => String::new(),
            });
        }
        self.at += 1;
        match self.peek() {
            None => return Err("syntax error: missing '}'".to_owned()),
            Some('{' | '}' | ':') => return Err("syntax error: bad substitution".to_owned()),
            Some(_) => {}
        }
        let name = self.name();
        let value = (self.variables)(&name);
        let kept = |what: String| format!("${{{name}{what}}}");
        match self.next() {
            Some('}') => Ok(match value {
                None if self.lexer.keep_unset => kept(String::new()),
                value => value.unwrap_or_default(),
            }),
            Some(':') => {
                let Some(modifier) = self.next() else { return Err(unsupported(":")) };
                self.modified(&name, value, modifier, true)
            }
            Some(modifier @ ('+' | '-' | '?' | '#' | '%')) => self.modified(&name, value, modifier, false),
            Some('/') => {
                let all = self.peek() == Some('/');
                self.at += usize::from(all);
                let pattern = self.part('/', "syntax error: missing '/' in ${}")?;
                let replacement = self.part('}', "syntax error: missing '}'")?;
                match value {
                    None if self.lexer.keep_unset => Ok(kept(format!("/{pattern}/{replacement}"))),
                    value => {
                        let regex = regex_of(&pattern, true, false)?;
                        let value = value.unwrap_or_default();
                        let replacement = NoExpand(&replacement);
                        Ok(match all {
                            true => regex.replace_all(&value, replacement),
                            false => regex.replace(&value, replacement),
                        }
                        .into_owned())
                    }
                }
            }
            Some(other) => Err(unsupported(other.encode_utf8(&mut [0; 4]))),
            None => Err("syntax error: missing '}'".to_owned()),
        }
    }

    /// The word of a modifier, up to `stop`.
    fn part(&mut self, stop: char, missing: &str) -> Result<String, String> {
        match self.until(Some(stop), true) {
            Ok((text, _)) => Ok(text),
            Err(_) if self.peek().is_none() => Err(missing.to_owned()),
            Err(error) => Err(error),
        }
    }

    /// `${name:-word}` and its kin, after the modifier.
    fn modified(
        &mut self,
        name: &str,
        value: Option<String>,
        modifier: char,
        empty_is_unset: bool,
    ) -> Result<String, String> {
        let shown = if empty_is_unset { format!(":{modifier}") } else { modifier.to_string() };
        let raw = matches!(modifier, '#' | '%');
        let word = match self.until(Some('}'), raw) {
            Ok((word, _)) => word,
            Err(_) if self.peek().is_none() => return Err("syntax error: missing '}'".to_owned()),
            Err(error) => return Err(error),
        };
        if value.is_none() && self.lexer.keep_unset {
            return Ok(format!("${{{name}{shown}{word}}}"));
        }
        let present = value.clone().filter(|value| !(empty_is_unset && value.is_empty()));
        match modifier {
            '-' => Ok(present.unwrap_or(word)),
            '+' => Ok(present.map_or_else(String::new, |_| word)),
            '?' => present.ok_or_else(|| {
                let default = if value.is_none() { "is not allowed to be unset" } else { "is not allowed to be empty" };
                format!("{name}: {}", if word.is_empty() { default } else { &word })
            }),
            '#' => trimmed_front(&value.unwrap_or_default(), &word),
            '%' => trimmed_back(&value.unwrap_or_default(), &word),
            _ => Err(unsupported(&shown)),
        }
    }

    /// Letters, digits and underscores; a number alone; or one of the shell's special parameters.
    fn name(&mut self) -> String {
        let start = self.at;
        match self.peek() {
            Some(digit) if digit.is_numeric() => {
                while self.peek().is_some_and(char::is_numeric) {
                    self.at += 1;
                }
            }
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => self.at += 1,
            _ => {
                while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
                    self.at += 1;
                }
            }
        }
        self.characters[start..self.at].iter().collect()
    }
}

fn unsupported(modifier: &str) -> String {
    format!("unsupported modifier ({modifier}) in substitution")
}

fn trimmed_front(value: &str, word: &str) -> Result<String, String> {
    let (greedy, pattern) = match word.strip_prefix('#') {
        Some(pattern) => (true, pattern),
        None => (false, word),
    };
    let end = regex_of(pattern, greedy, true)?.find(value).map_or(0, |found| found.end());
    Ok(value[end..].to_owned())
}

/// From behind, pattern and value are read backwards.
fn trimmed_back(value: &str, word: &str) -> Result<String, String> {
    let (greedy, pattern) = match word.strip_prefix('%') {
        Some(pattern) => (true, pattern),
        None => (false, word),
    };
    let backwards: String = value.chars().rev().collect();
    let end = regex_of(&reversed(pattern), greedy, true)?.find(&backwards).map_or(0, |found| found.end());
    Ok(backwards[end..].chars().rev().collect())
}

/// A pattern backwards, in which a backslash stays before what it escapes.
fn reversed(pattern: &str) -> String {
    let mut units: Vec<String> = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => units.push(characters.next().map_or_else(|| "\\".to_owned(), |next| format!("\\{next}"))),
            other => units.push(other.to_string()),
        }
    }
    units.iter().rev().map(String::as_str).collect()
}

/// `*` and `?` as a regular expression.
fn regex_of(pattern: &str, greedy: bool, at_start: bool) -> Result<Regex, String> {
    let invalid = |why: String| format!("invalid pattern ({pattern}) in substitution: {why}");
    if pattern.len() > MAX_PATTERN {
        return Err("the pattern of a substitution is too long".to_owned());
    }
    let mut text = String::from(if at_start { "^" } else { "" });
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '*' => text.push_str(if greedy { ".*" } else { ".*?" }),
            '?' => text.push('.'),
            '\\' => match characters.peek().copied() {
                // They are escaped for the substitution, not for the pattern.
                Some('}' | '/') => {}
                Some(escaped @ ('*' | '?' | '\\')) => {
                    characters.next();
                    text.push('\\');
                    text.push(escaped);
                }
                Some(other) => return Err(invalid(format!("invalid escape '\\{other}'"))),
                None => return Err(invalid("invalid escape at its end".to_owned())),
            },
            other => text.push_str(&regex_lite::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    Regex::new(&text).map_err(|error| invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(name: &str) -> Option<String> {
        let known = [("FOO", "foo value"), ("EMPTY", ""), ("P", "a/b/c.tar.gz"), ("N", "x")];
        known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| (*value).to_owned())
    }

    fn expanded(word: &str) -> String {
        Words::new('\\').expand(word, &variables).unwrap()
    }

    fn refused(word: &str) -> String {
        Words::new('\\').expand(word, &variables).unwrap_err().why
    }

    #[test]
    fn variables_are_replaced_as_docker_does() {
        for (word, result) in [
            ("he'll'o", "hello"),
            (r#""a\"b\c""#, r#"a"b\c"#),
            (r"\$FOO", "$FOO"),
            ("$FOO-x", "foo value-x"),
            ("${foo}bar", "foo valuebar"),
            ("'$FOO'", "$FOO"),
            ("\"$FOO\"", "foo value"),
            ("$", "$"),
            ("a$ b", "a$ b"),
            ("$1x", "x"),
            ("${NONE:-x $N}", "x x"),
            ("${NONE:-${ALSO:-deep}}", "deep"),
            ("${EMPTY-x}", ""),
            ("${EMPTY:-x}", "x"),
            ("${FOO:+yes}${NONE:+no}", "yes"),
            ("${P#*/}", "b/c.tar.gz"),
            ("${P##*/}", "c.tar.gz"),
            ("${P%.*}", "a/b/c.tar"),
            ("${P%%.*}", "a/b/c"),
            ("${P/\\//-}", "a-b/c.tar.gz"),
            ("${P//b/$N}", "a/x/c.tar.gz"),
            ("${P//\\//-}", "a-b-c.tar.gz"),
            ("c:\\\\x\\", "c:\\x"),
        ] {
            assert_eq!(expanded(word), result, "{word}");
        }
        assert_eq!(Words::new('`').expand(r"c:\$N`$N\", &variables).unwrap(), r"c:\x$N\");
    }

    #[test]
    fn errors_are_dockers() {
        for (word, why) in [
            ("${FOO", "syntax error: missing '}'"),
            ("${", "syntax error: missing '}'"),
            ("${}", "syntax error: bad substitution"),
            ("${FOO:", "unsupported modifier (:) in substitution"),
            ("${FOO:x}", "unsupported modifier (:x) in substitution"),
            ("${FOO;x}", "unsupported modifier (;) in substitution"),
            ("${NONE:?}", "NONE: is not allowed to be unset"),
            ("${EMPTY:?}", "EMPTY: is not allowed to be empty"),
            ("${NONE?give it}", "NONE: give it"),
            ("'x", "unexpected end of statement while looking for matching single-quote"),
            ("\"x", "unexpected end of statement while looking for matching double-quote"),
        ] {
            assert_eq!(refused(word), why, "{word}");
        }
        assert!(refused(&"${a:-".repeat(10_000)).contains("too many nested"));
        let error = Words::new('\\').expand("${FOO", &variables).unwrap_err();
        assert_eq!(error.to_string(), r#"failed to process "${FOO": syntax error: missing '}'"#);
    }

    #[test]
    fn blanks_of_values_split_and_quoted_ones_do_not() {
        let words = Words::new('\\').expand_to_words(r#"$FOO "$FOO" a\ b"#, &variables).unwrap();
        assert_eq!(words, ["foo", "value", "foo value", "a b"]);
    }

    #[test]
    fn quotes_mean_nothing_in_texts() {
        let text = Words::new('\\').expand_text("say \"$N\" and 'it'\n", &variables).unwrap();
        assert_eq!(text, "say \"x\" and 'it'\n");
    }
}
