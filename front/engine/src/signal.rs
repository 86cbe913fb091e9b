//! Signals by the names and numbers that a Windows daemon knows.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// The signals of Go's `syscall` package for Windows, by number.
const KNOWN: [(u8, &str); 13] = [
    (1, "HUP"),
    (2, "INT"),
    (3, "QUIT"),
    (4, "ILL"),
    (5, "TRAP"),
    (6, "ABRT"),
    (7, "BUS"),
    (8, "FPE"),
    (9, "KILL"),
    (11, "SEGV"),
    (13, "PIPE"),
    (14, "ALRM"),
    (15, "TERM"),
];

/// A signal. All but [`Signal::KILL`] mean a shutdown event to a Windows container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(u8);

impl Signal {
    /// Ends the container now.
    pub const KILL: Self = Self(9);
    /// What `stop` sends when the container has no signal of its own.
    pub const TERM: Self = Self(15);
}

/// The number, as events show it.
impl fmt::Display for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// `KILL`, `SIGKILL` or `9`.
impl FromStr for Signal {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Ok(number) = text.parse::<i64>() {
            let known = KNOWN.iter().find(|(known, _)| i64::from(*known) == number);
            return match known {
                Some((number, _)) => Ok(Self(*number)),
                None if number == 0 => Err(Error::InvalidParameter(format!("invalid signal: {text}"))),
                None => Err(Error::InvalidParameter(format!("the windows daemon does not support signal {number}"))),
            };
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let known = KNOWN.iter().find(|(_, known)| *known == name);
        let (number, _) = known.ok_or_else(|| Error::InvalidParameter(format!("invalid signal: {text}")))?;
        Ok(Self(*number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for text in ["KILL", "SIGKILL", "sigkill", "9"] {
            assert_eq!(text.parse::<Signal>().unwrap(), Signal::KILL, "{text}");
        }
        assert_eq!("term".parse::<Signal>().unwrap().to_string(), "15");
        for text in ["", "0", "NONSENSE", "SIG", "USR1"] {
            let error = text.parse::<Signal>().unwrap_err();
            assert_eq!(error.to_string(), format!("invalid signal: {text}"));
        }
        let error = "42".parse::<Signal>().unwrap_err();
        assert_eq!(error.to_string(), "the windows daemon does not support signal 42");
    }
}
