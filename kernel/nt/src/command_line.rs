//! Windows command lines: one string, cut into arguments by the program itself.
//!
//! The rules are those of `CommandLineToArgvW` and the Microsoft C runtime ("Parsing C command-line arguments",
//! Microsoft Learn); quoting is what Go's `syscall.EscapeArg` and dockerd do, so a line built here is the same as
//! one built by them.

/// Quotes one argument so that a program gets it back unchanged.
///
/// An argument without space, tab, quote or being empty stays as it is.
pub fn quote_argument(argument: &str) -> String {
    let plain = !argument.is_empty() && !argument.contains([' ', '\t', '"']);
    if plain {
        return argument.to_owned();
    }
    let spaced = argument.is_empty() || argument.contains([' ', '\t']);
    let mut out = String::with_capacity(argument.len() + 2);
    if spaced {
        out.push('"');
    }
    let mut backslashes = 0;
    for c in argument.chars() {
        match c {
            '\\' => backslashes += 1,
            '"' => {
                // Backslashes before a quote are halved by the reader, and the quote itself needs one.
                out.extend(std::iter::repeat_n('\\', backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        out.push(c);
    }
    if spaced {
        out.extend(std::iter::repeat_n('\\', backslashes));
        out.push('"');
    }
    out
}

/// Joins arguments into one command line.
pub fn join<S: AsRef<str>>(arguments: &[S]) -> String {
    let quoted: Vec<String> = arguments.iter().map(|a| quote_argument(a.as_ref())).collect();
    quoted.join(" ")
}

/// Cuts a command line into arguments, as `CommandLineToArgvW` does.
///
/// The first argument (the program) follows simpler rules: no backslash escapes, it ends at a quote or blank.
pub fn split(line: &str) -> Vec<String> {
    let line = line.trim_start_matches([' ', '\t']);
    if line.is_empty() {
        return Vec::new();
    }
    let (program, rest) = match line.strip_prefix('"') {
        Some(quoted) => match quoted.find('"') {
            Some(end) => (&quoted[..end], &quoted[end + 1..]),
            None => (quoted, ""),
        },
        None => line.split_at(line.find([' ', '\t']).unwrap_or(line.len())),
    };
    let mut arguments = vec![program.to_owned()];
    let mut chars = rest.chars().peekable();
    loop {
        while chars.next_if(|c| *c == ' ' || *c == '\t').is_some() {}
        if chars.peek().is_none() {
            return arguments;
        }
        let mut argument = String::new();
        let mut quoted = false;
        let mut backslashes = 0;
        while let Some(c) = chars.next_if(|c| quoted || (*c != ' ' && *c != '\t')) {
            match c {
                '\\' => {
                    backslashes += 1;
                    continue;
                }
                '"' => {
                    argument.extend(std::iter::repeat_n('\\', backslashes / 2));
                    if backslashes % 2 == 1 {
                        argument.push('"');
                    } else if quoted && chars.next_if_eq(&'"').is_some() {
                        // Two quotes inside a quoted part stand for one.
                        argument.push('"');
                    } else {
                        quoted = !quoted;
                    }
                }
                _ => {
                    argument.extend(std::iter::repeat_n('\\', backslashes));
                    argument.push(c);
                }
            }
            backslashes = 0;
        }
        argument.extend(std::iter::repeat_n('\\', backslashes));
        arguments.push(argument);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_like_go_and_dockerd() {
        for (argument, quoted) in [
            ("a", "a"),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("a\\", "a\\"),
            ("a b\\", "\"a b\\\\\""),
            ("a\"b", "a\\\"b"),
            ("a\\\"b", "a\\\\\\\"b"),
            ("c:\\dir with\\\"q\"", "\"c:\\dir with\\\\\\\"q\\\"\""),
            ("tab\there", "\"tab\there\""),
        ] {
            assert_eq!(quote_argument(argument), quoted, "{argument:?}");
        }
    }

    #[test]
    fn a_joined_line_splits_into_the_same_arguments() {
        let hard = ["p.exe", "", "a b", "\\", "a\\\\", "q\"q", "\\\"", "x\\\\ y\\", "é ☃", "a\tb\"\"c"];
        assert_eq!(split(&join(&hard)), hard);
    }

    #[test]
    fn the_program_ends_at_its_closing_quote() {
        assert_eq!(split("\"c:\\a b\\p.exe\" \"x \"\"y\"\" z\""), ["c:\\a b\\p.exe", "x \"y\" z"]);
        assert_eq!(split("c:\\dir\\p.exe -x"), ["c:\\dir\\p.exe", "-x"]);
        assert!(split("  ").is_empty());
    }
}
