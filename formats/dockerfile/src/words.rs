//! How an instruction falls into keyword, flags and words, before any variable is replaced.

/// A keyword, its flags, and what follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Split {
    /// As it was written.
    pub(crate) keyword: String,
    /// `--name=value`, without quotes.
    pub(crate) flags: Vec<String>,
    /// The arguments, verbatim.
    pub(crate) rest: String,
}

impl Split {
    /// Splits a logical line.
    pub(crate) fn of(line: &str, escape: char) -> Self {
        let line = line.trim();
        let blank = |c: char| matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ');
        match line.split_once(blank) {
            None => Self { keyword: line.to_owned(), ..Self::default() },
            Some((keyword, rest)) => {
                let (flags, rest) = flags(rest.trim_start_matches(blank), escape);
                Self { keyword: keyword.to_owned(), flags, rest: rest.trim().to_owned() }
            }
        }
    }
}

/// Takes the flags off the beginning.
fn flags(text: &str, escape: char) -> (Vec<String>, &str) {
    let mut flags = Vec::new();
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        let (flag, after) = flag(rest, escape);
        if flag == "--" {
            return (flags, after);
        }
        if !flag.is_empty() {
            flags.push(flag);
        }
        rest = after.trim_start();
    }
    (flags, rest)
}

/// One word with its quotes taken off, and what follows.
fn flag(text: &str, escape: char) -> (String, &str) {
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (None, blank) if blank.is_whitespace() => return (word, &text[at..]),
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (_, escaping) if escaping == escape => match characters.next() {
                Some((_, next)) => word.push(next),
                None => break,
            },
            (_, other) => word.push(other),
        }
    }
    (word, "")
}

/// Words apart from each other by blanks; quotes stay.
pub(crate) fn quoted_words(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut inside, mut quote, mut blank_counts) = (false, None, false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if quote.is_none() && character.is_whitespace() {
            if inside && (blank_counts || !word.is_empty()) {
                words.push(std::mem::take(&mut word));
            }
            (inside, blank_counts) = (false, false);
            continue;
        }
        inside = true;
        match quote {
            None if matches!(character, '\'' | '"') => {
                (quote, blank_counts) = (Some(character), true);
                word.push(character);
            }
            Some(open) if character == open => {
                quote = None;
                word.push(character);
            }
            _ if character == escape && quote != Some('\'') => {
                // At the end of the line it escapes nothing.
                if let Some(next) = characters.next() {
                    word.push(character);
                    word.push(next);
                }
            }
            _ => word.push(character),
        }
    }
    if inside && (blank_counts || !word.is_empty()) {
        words.push(word);
    }
    words
}

/// Words apart from each other by blanks, whatever they hold.
pub(crate) fn blank_separated(text: &str) -> Vec<String> {
    let blank = |c: char| matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ');
    text.split(blank).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_come_first_and_the_rest_is_verbatim() {
        let split = Split::of("  COPY --from=a --chown=\"x y\"  src  \"c:/a b\" ", '\\');
        assert_eq!(split.keyword, "COPY");
        assert_eq!(split.flags, ["--from=a", "--chown=x y"]);
        assert_eq!(split.rest, "src  \"c:/a b\"");
        assert_eq!(Split::of("RUN -- --x", '\\').rest, "--x");
        assert_eq!(Split::of("RUN", '\\'), Split { keyword: "RUN".to_owned(), ..Split::default() });
        assert_eq!(Split::of("RUN --", '\\').flags, Vec::<String>::new());
    }

    #[test]
    fn quoted_words_keep_their_quotes() {
        assert_eq!(quoted_words(r#"a="b c" d='e \' f\ g "" "#, '\\'), [r#"a="b c""#, r"d='e \'", r"f\ g", r#""""#]);
        assert_eq!(quoted_words("a\\", '\\'), ["a"]);
        assert_eq!(quoted_words("\"open", '\\'), ["\"open"]);
    }
}
