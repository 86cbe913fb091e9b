//! Environment blocks: names are compared without case, as Windows does.

use thiserror::Error;

/// Most variables in one environment that is accepted from outside.
pub const MAX_VARIABLES: usize = 4096;
/// Most UTF-16 units of one variable (`lpBuffer` limit of `SetEnvironmentVariable`, Microsoft Learn).
pub const MAX_VARIABLE_UNITS: usize = 32_767;

/// Why a variable is refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EnvironmentError {
    /// No `=`, an empty name, or a NUL in it.
    #[error("\"{0}\" is not an environment variable: write NAME=VALUE")]
    NotAVariable(String),
    /// Longer than [`MAX_VARIABLE_UNITS`].
    #[error("environment variable {0} is longer than {MAX_VARIABLE_UNITS} characters")]
    TooLong(String),
    /// More than [`MAX_VARIABLES`].
    #[error("more than {MAX_VARIABLES} environment variables")]
    TooMany,
}

/// Variables in order of first appearance, each name once whatever its case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: Vec<(String, String)>,
}

impl Environment {
    /// An environment with no variable.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses `NAME=VALUE` texts; a later one replaces an earlier one of the same name.
    ///
    /// # Errors
    /// [`EnvironmentError`] names the variable that is refused.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, EnvironmentError> {
        let mut environment = Self::new();
        for text in texts {
            let text = text.as_ref();
            let refused = || EnvironmentError::NotAVariable(text.chars().take(80).collect());
            // Windows keeps hidden variables such as "=C:=C:\dir": the name may begin with '='.
            let at = text.char_indices().skip(1).find(|(_, c)| *c == '=').ok_or_else(refused)?.0;
            if text.starts_with('=') && at < 2 || text.contains('\0') {
                return Err(refused());
            }
            let (name, value) = (&text[..at], &text[at + 1..]);
            if text.encode_utf16().count() > MAX_VARIABLE_UNITS {
                return Err(EnvironmentError::TooLong(name.chars().take(80).collect()));
            }
            environment.set(name, value);
            if environment.variables.len() > MAX_VARIABLES {
                return Err(EnvironmentError::TooMany);
            }
        }
        Ok(environment)
    }

    /// Sets a variable. The spelling of a name that is already there is kept, as Windows keeps it.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.variables.iter_mut().find(|(n, _)| same_name(n, name)) {
            Some((_, v)) => *v = value.to_owned(),
            None => self.variables.push((name.to_owned(), value.to_owned())),
        }
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(n, _)| same_name(n, name)).map(|(_, v)| v.as_str())
    }

    /// Takes a variable away.
    pub fn remove(&mut self, name: &str) {
        self.variables.retain(|(n, _)| !same_name(n, name));
    }

    /// Lays `over` on top of this environment.
    pub fn merge(&mut self, over: &Environment) {
        for (name, value) in &over.variables {
            self.set(name, value);
        }
    }

    /// All variables, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// All variables as `NAME=VALUE`.
    pub fn to_strings(&self) -> Vec<String> {
        self.iter().map(|(n, v)| format!("{n}={v}")).collect()
    }
}

/// Whether two names are the same to Windows (upper-cased character by character).
pub fn same_name(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || a.chars().flat_map(char::to_uppercase).eq(b.chars().flat_map(char::to_uppercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_whatever_their_case() {
        let mut base = Environment::parse(&["Path=C:\\a", "X=1"]).unwrap();
        base.merge(&Environment::parse(&["PATH=C:\\b", "ünder=2", "ÜNDER=3"]).unwrap());
        assert_eq!(base.to_strings(), ["Path=C:\\b", "X=1", "ünder=3"]);
        assert_eq!(base.get("x"), Some("1"));
    }

    #[test]
    fn hidden_variables_and_values_with_equal_signs_pass() {
        let environment = Environment::parse(&["=C:=C:\\d", "A=b=c", "E="]).unwrap();
        assert_eq!(environment.to_strings(), ["=C:=C:\\d", "A=b=c", "E="]);
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for text in ["", "=", "==", "A", "=x", "A=b\0c"] {
            assert!(Environment::parse(&[text]).is_err(), "{text:?}");
        }
        assert!(Environment::parse(&[format!("A={}", "x".repeat(40_000))]).is_err());
    }
}
