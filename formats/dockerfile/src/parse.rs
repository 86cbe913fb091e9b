//! From logical lines to instructions.

use crate::error::DockerfileError;
use crate::flags::{Flags, Kind};
use crate::health::HealthCheck;
use crate::heredoc;
use crate::instruction::{Argument, Command, CommandLine, CopyFiles, Instruction, Pair, Run, Stage};
use crate::lines::{self, Line};
use crate::words::{Split, blank_separated, quoted_words};
use crate::{Dockerfile, RunMount, go, suggest};

/// All keywords, for suggestions.
const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];
/// Most instructions of one Dockerfile.
const MAX_INSTRUCTIONS: usize = 10_000;

/// What one line is.
enum Parsed {
    Stage(Stage),
    Command(Command),
}

/// Parses a whole file.
pub(crate) fn dockerfile(name: &str, bytes: &[u8]) -> Result<Dockerfile, DockerfileError> {
    if bytes.is_empty() {
        return Err(DockerfileError::Empty(name.to_owned()));
    }
    let failed = |why| DockerfileError::Lines { name: name.to_owned(), why };
    let lines = lines::split(bytes).map_err(failed)?;
    if lines.lines.len() > MAX_INSTRUCTIONS {
        return Err(failed(format!("it has more than {MAX_INSTRUCTIONS} instructions")));
    }
    for line in &lines.lines {
        // What is wrong with the form of words is found before anything else.
        words_of(line, lines.escape).map_err(failed)?;
    }
    let mut file =
        Dockerfile { escape: lines.escape, warnings: lines.warnings, arguments: Vec::new(), stages: Vec::new() };
    for line in &lines.lines {
        let at = |why| DockerfileError::Instruction { line: line.number, why };
        match one(line, lines.escape).map_err(at)? {
            Parsed::Stage(stage) => file.stages.push(stage),
            Parsed::Command(command) => match file.stages.last_mut() {
                Some(stage) => stage.commands.push(command),
                None if matches!(command.instruction, Instruction::Arg(_)) => file.arguments.push(command),
                None => return Err(DockerfileError::Plain("no build stage in current context".to_owned())),
            },
        }
    }
    Ok(file)
}

/// Parses the instruction of an `ONBUILD`.
pub(crate) fn trigger(text: &str) -> Result<Command, DockerfileError> {
    let lines = lines::split(text.as_bytes()).map_err(DockerfileError::Plain)?;
    let [line] = lines.lines.as_slice() else {
        return Err(DockerfileError::Plain("onbuild trigger should be a single expression".to_owned()));
    };
    match one(line, lines.escape).map_err(DockerfileError::Plain)? {
        Parsed::Command(command) => Ok(command),
        Parsed::Stage(_) => Err(DockerfileError::Plain("FROM isn't allowed as an ONBUILD trigger".to_owned())),
    }
}

/// The arguments of a line.
#[derive(Debug, Default)]
struct Arguments {
    words: Vec<String>,
    /// Whether they were an array.
    array: bool,
}

/// The words of a line, by the rules of its keyword.
fn words_of(line: &Line, escape: char) -> Result<Arguments, String> {
    let split = Split::of(&line.text, escape);
    arguments(&split, escape)
}

fn arguments(split: &Split, escape: char) -> Result<Arguments, String> {
    let rest = split.rest.as_str();
    let plain = |words: Vec<String>| Ok(Arguments { words, array: false });
    let one = |text: &str| if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
    match split.keyword.to_ascii_uppercase().as_str() {
        "ADD" | "COPY" | "VOLUME" => match array(rest)? {
            Some(words) => Ok(Arguments { words, array: true }),
            None => plain(blank_separated(rest)),
        },
        "CMD" | "ENTRYPOINT" | "RUN" | "SHELL" => match array(rest)? {
            Some(words) => Ok(Arguments { words, array: true }),
            None => plain(one(rest)),
        },
        "HEALTHCHECK" => {
            let (kind, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            let rest = rest.trim_start();
            let command = array(rest)?;
            let is_array = command.is_some();
            let words = command.unwrap_or_else(|| one(rest));
            Ok(Arguments { words: one(kind).into_iter().chain(words).collect(), array: is_array })
        }
        "ARG" => plain(quoted_words(rest, escape)),
        keyword @ ("ENV" | "LABEL") => plain(pairs(rest, keyword, escape)?),
        "EXPOSE" | "FROM" => plain(blank_separated(rest)),
        "ONBUILD" if !rest.is_empty() => {
            let inner = Split::of(rest, escape);
            let words = arguments(&inner, escape)?.words;
            plain(std::iter::once(inner.keyword).chain(words).collect())
        }
        _ => plain(one(rest)),
    }
}

/// A JSON array of texts; `None` when it is something else.
fn array(text: &str) -> Result<Option<Vec<String>>, String> {
    let text = text.trim_start();
    if !text.starts_with('[') {
        return Ok(None);
    }
    let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(text) else { return Ok(None) };
    let words: Option<Vec<String>> = values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
    words.map(Some).ok_or_else(|| "when using JSON array syntax, arrays must be comprised of strings only".to_owned())
}

/// Names and values in turn, of `name=value …` or `name value`.
fn pairs(rest: &str, keyword: &str, escape: char) -> Result<Vec<String>, String> {
    let words = quoted_words(rest, escape);
    let Some(first) = words.first() else { return Ok(Vec::new()) };
    if !first.contains('=') {
        let blank = |c: char| matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ');
        let (name, value) = rest.split_once(blank).ok_or_else(|| format!("{keyword} must have two arguments"))?;
        return Ok(vec![name.to_owned(), value.trim_start_matches(blank).to_owned()]);
    }
    let mut pairs = Vec::new();
    for word in words {
        let Some((name, value)) = word.split_once('=') else {
            let word = go::quote(&word);
            return Err(format!("Syntax error - can't find = in {word}. Must be of the form: name=value"));
        };
        pairs.extend([name.to_owned(), value.to_owned()]);
    }
    Ok(pairs)
}

fn one(line: &Line, escape: char) -> Result<Parsed, String> {
    let split = Split::of(&line.text, escape);
    let Arguments { words, array } = arguments(&split, escape)?;
    let keyword = split.keyword.to_ascii_uppercase();
    let at_least_one = || format!("{keyword} requires at least one argument");
    let none = |known: &[(&'static str, Kind)]| Flags::parse(&split.flags, known);
    let exactly_one = |words: &[String]| match words {
        [word] => Ok(word.clone()),
        _ => Err(format!("{keyword} requires exactly one argument")),
    };
    let command_line = || match () {
        () if words.is_empty() => CommandLine::Empty,
        () if array => CommandLine::Exec(words.clone()),
        () => CommandLine::Shell(split.rest.clone()),
    };
    let instruction = match keyword.as_str() {
        "FROM" => return stage(line, &split, &words).map(Parsed::Stage),
        "ENV" => {
            none(&[])?;
            Instruction::Env(named(&words, &keyword)?)
        }
        "LABEL" => {
            none(&[])?;
            Instruction::Label { labels: named(&words, &keyword)?, literal: false }
        }
        "MAINTAINER" => {
            let name = exactly_one(&words)?;
            none(&[])?;
            Instruction::Maintainer(name)
        }
        "ADD" => Instruction::Add(copy(line, &split, &words, &keyword)?),
        "COPY" => Instruction::Copy(copy(line, &split, &words, &keyword)?),
        "ONBUILD" => Instruction::Onbuild(on_build(line, &split, &words)?),
        "WORKDIR" => {
            let path = exactly_one(&words)?;
            none(&[])?;
            Instruction::Workdir(path)
        }
        "RUN" => {
            let flags = none(&[("mount", Kind::Texts), ("network", Kind::Text), ("security", Kind::Text)])?;
            let mounts = flags.texts("mount");
            for mount in mounts.iter().filter(|mount| !mount.contains('$')) {
                RunMount::parse(mount)?;
            }
            Instruction::Run(Run {
                line: command_line(),
                mounts,
                network: flags.text("network"),
                security: flags.text("security"),
                files: line.files.clone(),
            })
        }
        "CMD" => {
            none(&[])?;
            Instruction::Cmd(command_line())
        }
        "ENTRYPOINT" => {
            none(&[])?;
            Instruction::Entrypoint(command_line())
        }
        "HEALTHCHECK" => {
            let (kind, rest) = words.split_first().ok_or_else(at_least_one)?;
            Instruction::Healthcheck(HealthCheck::parse(kind, rest, array, &split.flags)?)
        }
        "EXPOSE" => {
            if words.is_empty() {
                return Err(at_least_one());
            }
            none(&[])?;
            let mut ports = words;
            ports.sort();
            Instruction::Expose(ports)
        }
        "USER" => {
            let user = exactly_one(&words)?;
            none(&[])?;
            Instruction::User(user)
        }
        "VOLUME" => {
            if words.is_empty() {
                return Err(at_least_one());
            }
            none(&[])?;
            let paths: Vec<String> = words.iter().map(|path| path.trim().to_owned()).collect();
            if paths.iter().any(String::is_empty) {
                return Err("VOLUME specified can not be an empty string".to_owned());
            }
            Instruction::Volume(paths)
        }
        "STOPSIGNAL" => Instruction::StopSignal(exactly_one(&words)?),
        "ARG" => {
            if words.is_empty() {
                return Err(at_least_one());
            }
            Instruction::Arg(words.iter().map(|word| argument(word)).collect::<Result<_, _>>()?)
        }
        "SHELL" => {
            none(&[])?;
            match (words.is_empty(), array) {
                (true, _) => return Err(at_least_one()),
                (false, true) => Instruction::Shell(words),
                (false, false) => return Err(not_an_array(&keyword, &line.text)),
            }
        }
        _ => {
            let message = format!("unknown instruction: {}", split.keyword);
            return Err(suggest::with(message, &split.keyword, &KEYWORDS, ""));
        }
    };
    Ok(Parsed::Command(Command { source: line.text.trim().to_owned(), instruction }))
}

fn named(words: &[String], keyword: &str) -> Result<Vec<Pair>, String> {
    if words.is_empty() {
        return Err(format!("{keyword} requires at least one argument"));
    }
    let pair = |pair: &[String]| match pair {
        [name, _] if name.is_empty() => Err(format!("{keyword} names can not be blank")),
        [name, value] => Ok(Pair { name: name.clone(), value: value.clone() }),
        _ => Err(format!("Bad input to {keyword}, too many arguments")),
    };
    words.chunks(2).map(pair).collect()
}

fn argument(word: &str) -> Result<Argument, String> {
    match word.split_once('=') {
        Some(("", _)) => Err("ARG names can not be blank".to_owned()),
        Some((name, value)) => Ok(Argument { name: name.to_owned(), value: Some(value.to_owned()) }),
        None => Ok(Argument { name: word.to_owned(), value: None }),
    }
}

fn stage(line: &Line, split: &Split, words: &[String]) -> Result<Stage, String> {
    let (base, name) = match words {
        [base] => (base, None),
        [base, keyword, name] if keyword.eq_ignore_ascii_case("as") => {
            let lower = name.to_lowercase();
            let mut letters = lower.bytes();
            let valid = letters.next().is_some_and(|first| first.is_ascii_lowercase())
                && letters.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'));
            if !valid {
                let name = go::quote(name);
                return Err(format!(
                    "invalid name for build stage: {name}, name can't start with a number or contain symbols"
                ));
            }
            (base, Some(lower))
        }
        _ => return Err("FROM requires either one or three arguments".to_owned()),
    };
    let flags = Flags::parse(&split.flags, &[("platform", Kind::Text)])?;
    Ok(Stage {
        base: base.clone(),
        name,
        platform: flags.text("platform"),
        source: line.text.trim().to_owned(),
        commands: Vec::new(),
    })
}

fn copy(line: &Line, split: &Split, words: &[String], keyword: &str) -> Result<CopyFiles, String> {
    let Some((destination, sources)) = words.split_last().filter(|(_, sources)| !sources.is_empty()) else {
        return Err(format!(
            "{keyword} requires at least two arguments, but only one was provided. Destination could not be determined"
        ));
    };
    let mut known =
        vec![("chown", Kind::Text), ("chmod", Kind::Text), ("link", Kind::Switch), ("exclude", Kind::Texts)];
    known.extend(match keyword {
        "ADD" => vec![("keep-git-dir", Kind::Switch), ("checksum", Kind::Text), ("unpack", Kind::Switch)],
        _ => vec![("from", Kind::Text), ("parents", Kind::Switch)],
    });
    let flags = Flags::parse(&split.flags, &known)?;
    if heredoc::of_word(destination).is_some() {
        return Err(format!("{keyword} cannot accept a heredoc as a destination"));
    }
    let (mut paths, mut files) = (Vec::new(), Vec::new());
    for source in sources {
        match heredoc::of_word(source) {
            Some(begun) => {
                let file = line.files.iter().rev().find(|file| file.name == begun.name);
                files.push(file.cloned().unwrap_or(begun));
            }
            None => paths.push(source.clone()),
        }
    }
    let unpack = flags.text("unpack");
    Ok(CopyFiles {
        sources: paths,
        files,
        destination: destination.clone(),
        from: flags.text("from"),
        chown: flags.text("chown"),
        chmod: flags.text("chmod"),
        checksum: flags.text("checksum"),
        exclude: flags.texts("exclude"),
        parents: flags.is_on("parents"),
        unpack: (!unpack.is_empty()).then(|| unpack == "true"),
    })
}

fn on_build(line: &Line, split: &Split, words: &[String]) -> Result<String, String> {
    let trigger = words.first().ok_or("ONBUILD requires at least one argument")?.trim().to_uppercase();
    Flags::parse(&split.flags, &[])?;
    match trigger.as_str() {
        "ONBUILD" => return Err("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed".to_owned()),
        "MAINTAINER" | "FROM" => return Err(format!("{trigger} isn't allowed as an ONBUILD trigger")),
        _ => {}
    }
    let mut text = line.text.trim_start()[split.keyword.len()..].trim_start().to_owned();
    for file in &line.files {
        text.push('\n');
        text.push_str(&file.content);
        text.push_str(&file.name);
    }
    Ok(text)
}

/// The hint is for those who write `SHELL ["c:\x.exe"]`.
fn not_an_array(keyword: &str, line: &str) -> String {
    let shown = line.to_lowercase().replace(&format!("{} ", keyword.to_lowercase()), "").replace('/', "\\");
    let drive = shown.as_bytes().windows(4).any(|w| w[0] == b'"' && w[1].is_ascii_lowercase() && &w[2..] == b":\\");
    let hint = match drive && !shown.contains("\\\\") && shown.contains('[') && shown.contains(']') {
        true => format!(
            ". It looks like '{shown}' includes a file path without an escaped back-slash. JSON requires back-slashes to be escaped such as [\"c:\\\\path\\\\to\\\\file.exe\", \"/parameter\"]"
        ),
        false => String::new(),
    };
    format!("{keyword} requires the arguments to be in JSON form{hint}")
}
