//! Names of jobs: one path component that is safe in every tree.

use std::{fmt, str::FromStr};

use crate::JobError;

/// Longest name of a job, in bytes.
pub const MAX_NAME_LENGTH: usize = 128;

/// A name that is one harmless path component: 1 to [`MAX_NAME_LENGTH`] of `A-Z a-z 0-9 . _ -`, no dot in front.
///
/// A dot in front is refused because of `.` and `..`. The name of one of the kernel's own files (`cgroup.procs`) is
/// harmless: the kernel answers that it exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobName(String);

impl JobName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`JobError::InvalidName`].
    pub fn new(name: &str) -> Result<Self, JobError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if name.is_empty() || name.len() > MAX_NAME_LENGTH || name.starts_with('.') || !name.bytes().all(allowed) {
            return Err(JobError::InvalidName(name.chars().take(MAX_NAME_LENGTH).collect()));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for JobName {
    type Err = JobError;

    fn from_str(name: &str) -> Result<Self, JobError> {
        Self::new(name)
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_container_identifiers() {
        for name in ["a", "0123abcdef", "web-1_b.2", &"x".repeat(MAX_NAME_LENGTH)] {
            assert_eq!(JobName::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn refuses_whatever_could_leave_the_directory() {
        let long = "x".repeat(MAX_NAME_LENGTH + 1);
        for name in ["", ".", "..", ".a", "a/b", "../a", "a\0b", "a b", "ä", "a\n", &long] {
            assert!(matches!(JobName::new(name), Err(JobError::InvalidName(_))), "{name:?}");
        }
    }
}
