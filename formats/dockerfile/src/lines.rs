//! From the bytes of a Dockerfile to its logical lines: directives, comments, continued lines, heredocs.

use crate::heredoc::{self, InlineFile};
use crate::words::Split;

/// Largest Dockerfile, in bytes.
pub const MAX_DOCKERFILE: usize = 8 << 20;
/// Longest line, in bytes.
const MAX_LINE: usize = 65_535;
const DIRECTIVES: [&str; 3] = ["syntax", "escape", "check"];

/// An instruction with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The joined text.
    pub(crate) text: String,
    /// Where it begins, counted from 1.
    pub(crate) number: usize,
    /// The files that follow it.
    pub(crate) files: Vec<InlineFile>,
}

/// What a Dockerfile is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) escape: char,
    pub(crate) lines: Vec<Line>,
    pub(crate) warnings: Vec<String>,
}

/// Splits a Dockerfile.
pub(crate) fn split(bytes: &[u8]) -> Result<Lines, String> {
    if bytes.len() > MAX_DOCKERFILE {
        return Err(format!("dockerfile greater than max allowed size of {MAX_DOCKERFILE}"));
    }
    let text = String::from_utf8_lossy(bytes);
    let mut raw = text.strip_prefix('\u{feff}').unwrap_or(&text).split_inclusive('\n').enumerate();
    let mut directives = Directives::default();
    let (mut lines, mut warnings) = (Vec::new(), Vec::new());
    while let Some((index, line)) = raw.next() {
        let number = index + 1;
        let start = checked(line)?.trim_start();
        directives.look(start)?;
        if start.starts_with('#') {
            continue;
        }
        let (piece, mut continues) = continuation(start, directives.escape);
        if piece.is_empty() && !continues {
            continue;
        }
        let mut joined = piece.to_owned();
        let mut gap = false;
        while continues {
            let Some((_, next)) = raw.next() else { break };
            let next = checked(next)?;
            let trimmed = next.trim_start();
            if trimmed.starts_with('#') {
                continue;
            }
            if trimmed.is_empty() {
                gap = true;
                continue;
            }
            let (piece, more) = continuation(next, directives.escape);
            joined.push_str(piece);
            continues = more;
        }
        if gap {
            warnings.push(format!("[WARNING]: Empty continuation line found in: {joined}"));
        }
        let mut files = Vec::new();
        if may_have_files(&joined, directives.escape) && joined.contains("<<") {
            for mut file in heredoc::in_line(&joined) {
                let mut ended = false;
                for (_, content) in raw.by_ref() {
                    checked(content)?;
                    if file.ends_with(content) {
                        ended = true;
                        break;
                    }
                    file.content.push_str(content);
                }
                if !ended {
                    return Err("unterminated heredoc".to_owned());
                }
                files.push(file);
            }
        }
        lines.push(Line { text: joined, number, files });
    }
    if lines.is_empty() {
        return Err("file with no instructions".to_owned());
    }
    if !warnings.is_empty() {
        warnings.push("[WARNING]: Empty continuation lines will become errors in a future release.".to_owned());
    }
    Ok(Lines { escape: directives.escape, lines, warnings })
}

/// A line without its end.
fn checked(line: &str) -> Result<&str, String> {
    if line.len() > MAX_LINE {
        return Err(format!("dockerfile line greater than max allowed size of {MAX_LINE}"));
    }
    Ok(line.trim_end_matches(['\r', '\n']))
}

/// Whether heredocs may follow a line: after `ADD`, `COPY` and `RUN`, also as a trigger.
fn may_have_files(line: &str, escape: char) -> bool {
    let split = Split::of(line, escape);
    let keyword = split.keyword.to_ascii_lowercase();
    match keyword.as_str() {
        "add" | "copy" | "run" => true,
        "onbuild" => {
            let inner = Split::of(&split.rest, escape).keyword.to_ascii_lowercase();
            matches!(inner.as_str(), "add" | "copy" | "run")
        }
        _ => false,
    }
}

/// The line without the character that continues it, and whether there is one. A doubled one continues nothing.
fn continuation(line: &str, escape: char) -> (&str, bool) {
    let trimmed = line.trim_end_matches([' ', '\t']);
    match trimmed.strip_suffix(escape) {
        Some(rest) if !rest.ends_with(escape) => (rest, true),
        _ => (line, false),
    }
}

/// The directives at the beginning.
struct Directives {
    escape: char,
    done: bool,
    seen: Vec<String>,
}

impl Default for Directives {
    fn default() -> Self {
        Self { escape: '\\', done: false, seen: Vec::new() }
    }
}

impl Directives {
    /// Takes a line for a directive if it is one.
    fn look(&mut self, line: &str) -> Result<(), String> {
        if self.done {
            return Ok(());
        }
        let Some((name, value)) = directive(line) else {
            self.done = true;
            return Ok(());
        };
        if self.seen.contains(&name) {
            return Err(format!("only one {name} parser directive can be used"));
        }
        if name == "escape" {
            self.escape = match value {
                "`" => '`',
                "\\" => '\\',
                other => return Err(format!("invalid escape token '{other}' does not match ` or \\")),
            };
        }
        self.seen.push(name);
        Ok(())
    }
}

/// `# name = value`
fn directive(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.strip_prefix('#')?.trim_start().split_once('=')?;
    let (name, value) = (name.trim_end(), value.trim());
    let mut letters = name.chars();
    let is_name = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric());
    let name = name.to_ascii_lowercase();
    (is_name && !value.is_empty() && DIRECTIVES.contains(&name.as_str())).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(file: &str) -> Vec<String> {
        split(file.as_bytes()).unwrap().lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_are_joined_and_comments_left_out() {
        let file = "\u{feff}# a comment\r\nFROM x\r\n\r\nRUN a \\\r\n # between\r\n  b \\  \n\n c\n";
        assert_eq!(texts(file), ["FROM x", "RUN a   b  c"]);
        let lines = split(file.as_bytes()).unwrap();
        assert_eq!(lines.warnings[0], "[WARNING]: Empty continuation line found in: RUN a   b  c");
        assert_eq!(lines.lines[1].number, 4);
    }

    #[test]
    fn a_doubled_escape_continues_nothing() {
        assert_eq!(texts("WORKDIR c:\\\\\nRUN x\n"), ["WORKDIR c:\\\\", "RUN x"]);
    }

    #[test]
    fn the_escape_directive_gives_the_backslash_back() {
        assert_eq!(texts("# escape=`\nCOPY a c:\\\nRUN a `\n b\n"), ["COPY a c:\\", "RUN a  b"]);
        assert_eq!(split(b"# Escape = `\nFROM x").unwrap().escape, '`');
        assert_eq!(split(b"#\n# escape=`\nFROM x").unwrap().escape, '\\');
        let refused = |file: &str| split(file.as_bytes()).unwrap_err();
        assert_eq!(refused("# escape=x\nFROM x"), "invalid escape token 'x' does not match ` or \\");
        assert_eq!(refused("#escape=`\n#escape=`\nFROM x"), "only one escape parser directive can be used");
        assert_eq!(refused("# only a comment\n"), "file with no instructions");
        assert_eq!(refused("RUN <<EOF\nx\n"), "unterminated heredoc");
        assert!(refused(&format!("RUN {}", "x".repeat(70_000))).starts_with("dockerfile line greater"));
    }
}
