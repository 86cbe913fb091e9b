//! Why a silo could not be made.

use std::io;

/// A step of making a silo that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {object}{}", hint(.doctor))]
pub struct SiloError {
    step: &'static str,
    object: String,
    doctor: Option<&'static str>,
    #[source]
    source: io::Error,
}

fn hint(line: &Option<&'static str>) -> String {
    line.map_or(String::new(), |line| format!(" (see `casement doctor`, line {line})"))
}

impl SiloError {
    /// An error of `step` on `object`.
    pub fn new(step: &'static str, object: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self { step, object: object.into(), doctor: None, source: source.into() }
    }

    /// Names the line of `casement doctor` that tells more.
    pub fn see(mut self, line: &'static str) -> Self {
        self.doctor = Some(line);
        self
    }
}

/// Adds the step and the object to a failed system call.
pub trait Context<T> {
    /// On failure: an error that says `cannot {step} {object}`.
    fn during(self, step: &'static str, object: impl AsRef<str>) -> Result<T, SiloError>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn during(self, step: &'static str, object: impl AsRef<str>) -> Result<T, SiloError> {
        self.map_err(|e| SiloError::new(step, object.as_ref(), e))
    }
}
