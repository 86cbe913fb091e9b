//! Heredocs: files that are written in the Dockerfile itself.

use crate::word::Lexer;

/// A file after `<<NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlineFile {
    /// The word that ends it, which is also its name.
    pub name: String,
    /// What it holds.
    pub content: String,
    /// Whether variables in it are replaced.
    pub expand: bool,
    /// Whether tabs at the beginning of its lines are left out.
    pub chomp: bool,
}

impl InlineFile {
    /// Whether this line ends the file.
    pub(crate) fn ends_with(&self, line: &str) -> bool {
        let line = line.trim_end_matches(['\r', '\n']);
        let line = if self.chomp { line.trim_start_matches('\t') } else { line };
        line == self.name
    }

    /// The content, without leading tabs if they are left out.
    #[must_use]
    pub fn text(&self) -> String {
        if !self.chomp {
            return self.content.clone();
        }
        self.content.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
    }
}

/// The heredocs that a line begins, still empty.
pub(crate) fn in_line(line: &str) -> Vec<InlineFile> {
    let lexer = Lexer::raw('\\');
    let words = lexer.words(line, &|_| None).unwrap_or_default();
    words.iter().filter_map(|word| of_word(word)).collect()
}

/// The heredoc that a word such as `<<EOF`, `<<-'EOF'` or `3<<EOF` begins.
pub(crate) fn of_word(word: &str) -> Option<InlineFile> {
    let rest = word.trim_start_matches(|digit: char| digit.is_ascii_digit()).strip_prefix("<<")?;
    let (chomp, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let rest = rest.trim_start();
    if rest.is_empty() || rest.contains('<') {
        return None;
    }
    let quotes = |text: &str| text.matches(['\'', '"']).count();
    let plain = Lexer::keeping_unset('\\').words(rest, &|_| None).ok()?;
    let [name] = plain.as_slice() else { return None };
    let raw = Lexer { raw_quotes: true, ..Lexer::keeping_unset('\\') }.words(rest, &|_| None).ok()?;
    let expand = quotes(name) == raw.first().map_or(0, |raw| quotes(raw));
    Some(InlineFile { name: name.clone(), content: String::new(), expand, chomp })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_heredocs() {
        let shape = |word: &str| of_word(word).map(|file| (file.name, file.expand, file.chomp));
        assert_eq!(shape("<<EOF"), Some(("EOF".to_owned(), true, false)));
        assert_eq!(shape("3<<-'E O'"), Some(("E O".to_owned(), false, true)));
        for word in ["<EOF", "<<", "<<<EOF", "a<<b", "<<\"x"] {
            assert_eq!(shape(word), None, "{word}");
        }
        let names: Vec<_> = in_line("COPY <<a <<\"b\" /x/").into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn tabs_are_left_out_only_if_asked_for() {
        let mut file = of_word("<<-X").unwrap();
        file.content = "\ta\n\t\tb\n".to_owned();
        assert_eq!(file.text(), "a\nb\n");
        file.chomp = false;
        assert_eq!(file.text(), "\ta\n\t\tb\n");
        assert!(of_word("<<-X").unwrap().ends_with("\tX\r\n") && !of_word("<<X").unwrap().ends_with("\tX\n"));
    }
}
