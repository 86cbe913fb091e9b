//! Dockerfiles as the Windows engine reads them: parser directives, instructions, words and variables, `.dockerignore`.
//!
//! Pure text in, values out; the words of errors are Docker's, because people look for them.

#![forbid(unsafe_code)]

mod duration;
mod error;
mod flags;
mod go;
mod health;
mod heredoc;
pub mod ignore;
mod instruction;
mod lines;
mod mount;
mod parse;
mod pattern;
mod suggest;
pub mod word;
mod words;

pub use error::{DockerfileError, WordError};
pub use go::{quote, quote_list};
pub use health::HealthCheck;
pub use heredoc::InlineFile;
pub use instruction::{Argument, Command, CommandLine, CopyFiles, Instruction, Pair, Run, Stage};
pub use lines::MAX_DOCKERFILE;
pub use mount::{MountKind, RunMount, Sharing};
pub use pattern::Pattern;
pub use word::Words;

/// A parsed Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// The character that escapes and continues lines.
    pub escape: char,
    /// What the client is to be told.
    pub warnings: Vec<String>,
    /// `ARG` before the first `FROM`.
    pub arguments: Vec<Command>,
    /// The stages, in order.
    pub stages: Vec<Stage>,
}

impl Dockerfile {
    /// Parses a Dockerfile called `name`.
    ///
    /// # Errors
    /// In Docker's words.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, DockerfileError> {
        parse::dockerfile(name, bytes)
    }

    /// Parses one instruction, as `ONBUILD` keeps it.
    ///
    /// # Errors
    /// In Docker's words.
    pub fn parse_instruction(text: &str) -> Result<Command, DockerfileError> {
        parse::trigger(text)
    }

    /// The place of the stage that `target` names, by its name or its number.
    #[must_use]
    pub fn stage_index(&self, target: &str) -> Option<usize> {
        let by_name = |stage: &Stage| stage.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(target));
        let by_number = || target.parse::<usize>().ok().filter(|index| *index < self.stages.len());
        self.stages.iter().position(by_name).or_else(by_number)
    }
}
