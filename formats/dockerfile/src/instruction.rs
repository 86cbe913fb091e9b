//! The instructions of a Dockerfile.

use crate::error::WordError;
use crate::health::HealthCheck;
use crate::heredoc::InlineFile;

/// From one `FROM` to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The image or stage that it begins with, with its variables.
    pub base: String,
    /// Its name, in lower case.
    pub name: Option<String>,
    /// `--platform`, with its variables; empty without one.
    pub platform: String,
    /// The line of its `FROM`.
    pub source: String,
    /// What follows.
    pub commands: Vec<Command>,
}

/// An instruction and the text that it was written as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The joined line, without heredocs.
    pub source: String,
    /// What it means.
    pub instruction: Instruction,
}

/// `name=value`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// `ARG name[=value]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// The name.
    pub name: String,
    /// The default.
    pub value: Option<String>,
}

/// Arguments of `RUN`, `CMD` and `ENTRYPOINT`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CommandLine {
    /// Nothing.
    #[default]
    Empty,
    /// An array: program and arguments.
    Exec(Vec<String>),
    /// A line for the shell, verbatim.
    Shell(String),
}

/// `RUN`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// What runs.
    pub line: CommandLine,
    /// The values of `--mount`, with their variables.
    pub mounts: Vec<String>,
    /// `--network`; empty without one.
    pub network: String,
    /// `--security`; empty without one.
    pub security: String,
    /// Heredocs.
    pub files: Vec<InlineFile>,
}

/// `COPY` and `ADD`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyFiles {
    /// Paths and addresses.
    pub sources: Vec<String>,
    /// Files that are written in the Dockerfile.
    pub files: Vec<InlineFile>,
    /// Where they go.
    pub destination: String,
    /// `--from`; empty for the context.
    pub from: String,
    /// `--chown`
    pub chown: String,
    /// `--chmod`
    pub chmod: String,
    /// `--checksum`
    pub checksum: String,
    /// `--exclude`
    pub exclude: Vec<String>,
    /// `--parents`
    pub parents: bool,
    /// `--unpack`
    pub unpack: Option<bool>,
}

/// What a line of a Dockerfile does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// `ADD`
    Add(CopyFiles),
    /// `ARG`
    Arg(Vec<Argument>),
    /// `CMD`
    Cmd(CommandLine),
    /// `COPY`
    Copy(CopyFiles),
    /// `ENTRYPOINT`
    Entrypoint(CommandLine),
    /// `ENV`
    Env(Vec<Pair>),
    /// `EXPOSE`: words whose values may be several.
    Expose(Vec<String>),
    /// `HEALTHCHECK`
    Healthcheck(HealthCheck),
    /// `LABEL`
    Label {
        /// The labels.
        labels: Vec<Pair>,
        /// Whether they are as the client gave them, without variables.
        literal: bool,
    },
    /// `MAINTAINER`
    Maintainer(String),
    /// `ONBUILD`: the instruction.
    Onbuild(String),
    /// `RUN`
    Run(Run),
    /// `SHELL`
    Shell(Vec<String>),
    /// `STOPSIGNAL`
    StopSignal(String),
    /// `USER`
    User(String),
    /// `VOLUME`
    Volume(Vec<String>),
    /// `WORKDIR`
    Workdir(String),
}

impl Command {
    /// A label that a client asks for.
    #[must_use]
    pub fn label(name: &str, value: &str) -> Self {
        let labels = vec![Pair { name: name.to_owned(), value: value.to_owned() }];
        Self { source: format!("LABEL {name}={value}"), instruction: Instruction::Label { labels, literal: true } }
    }
}

impl Instruction {
    /// The instruction with the variables of its words replaced, where Docker replaces them. Those of `EXPOSE`, which may become
    /// several words, and of heredocs stay.
    ///
    /// # Errors
    /// The first word that `expand` refuses.
    pub fn expanded(&self, expand: &mut dyn FnMut(&str) -> Result<String, WordError>) -> Result<Self, WordError> {
        let mut instruction = self.clone();
        let mut replace = |word: &mut String| -> Result<(), WordError> {
            *word = expand(word)?;
            Ok(())
        };
        match &mut instruction {
            Self::Add(copy) | Self::Copy(copy) => {
                for word in [&mut copy.chown, &mut copy.chmod, &mut copy.checksum] {
                    replace(word)?;
                }
                copy.sources.iter_mut().try_for_each(&mut replace)?;
                replace(&mut copy.destination)?;
            }
            Self::Arg(arguments) => {
                for argument in arguments {
                    replace(&mut argument.name)?;
                    argument.value.as_mut().map_or(Ok(()), &mut replace)?;
                }
            }
            Self::Env(pairs) | Self::Label { labels: pairs, literal: false } => {
                for pair in pairs {
                    replace(&mut pair.name)?;
                    replace(&mut pair.value)?;
                }
            }
            Self::Run(run) => run.mounts.iter_mut().try_for_each(&mut replace)?,
            Self::StopSignal(word) | Self::User(word) | Self::Workdir(word) => replace(word)?,
            Self::Volume(words) => words.iter_mut().try_for_each(&mut replace)?,
            Self::Label { literal: true, .. }
            | Self::Cmd(_)
            | Self::Entrypoint(_)
            | Self::Expose(_)
            | Self::Healthcheck(_)
            | Self::Maintainer(_)
            | Self::Onbuild(_)
            | Self::Shell(_) => {}
        }
        Ok(instruction)
    }
}
