//! Why a Dockerfile or a word of it is refused.

use thiserror::Error;

/// A Dockerfile that cannot be built. The texts are Docker's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DockerfileError {
    /// Nothing in it.
    #[error("the Dockerfile ({0}) cannot be empty")]
    Empty(String),
    /// It cannot be split into instructions.
    #[error("failed to parse {name}: {why}")]
    Lines {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// An instruction is wrong.
    #[error("dockerfile parse error on line {line}: {why}")]
    Instruction {
        /// Where, counted from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// What stands alone, such as an instruction before the first `FROM`.
    #[error("{0}")]
    Plain(String),
}

/// A word whose variables cannot be replaced.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("failed to process {}: {why}", crate::go::quote(.word))]
pub struct WordError {
    /// The word.
    pub word: String,
    /// What is wrong with it.
    pub why: String,
}
