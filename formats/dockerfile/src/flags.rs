//! Flags of instructions.

use std::collections::BTreeMap;

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing, `true` or `false`.
    Switch,
    /// A value, once.
    Text,
    /// A value, as often as one likes.
    Texts,
}

/// The flags of one instruction, checked.
#[derive(Debug, Default)]
pub(crate) struct Flags(BTreeMap<&'static str, Vec<String>>);

impl Flags {
    /// Checks what was given against what the instruction knows.
    pub(crate) fn parse(given: &[String], known: &[(&'static str, Kind)]) -> Result<Self, String> {
        let mut flags = Self::default();
        for text in given {
            let Some(flag) = text.strip_prefix("--") else {
                return Err(format!("arg should start with -- : {text}"));
            };
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (flag, None),
            };
            let Some((name, kind)) = known.iter().find(|(known, _)| *known == name) else {
                let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                return Err(crate::suggest::with(format!("unknown flag: --{name}"), name, &names, "--"));
            };
            let values = flags.0.entry(name).or_default();
            if !values.is_empty() && *kind != Kind::Texts {
                return Err(format!("duplicate flag specified: --{name}"));
            }
            let value = match (kind, value) {
                (Kind::Switch, None) => "true".to_owned(),
                (Kind::Switch, Some("")) | (Kind::Text | Kind::Texts, None) => {
                    return Err(format!("missing a value on flag: --{name}"));
                }
                (Kind::Switch, Some(value)) => match value.to_ascii_lowercase().as_str() {
                    lower @ ("true" | "false") => lower.to_owned(),
                    _ => return Err(format!("expecting boolean value for flag --{name}, not: {value}")),
                },
                (Kind::Text | Kind::Texts, Some(value)) => value.to_owned(),
            };
            values.push(value);
        }
        Ok(flags)
    }

    /// The value of a flag, empty without one.
    pub(crate) fn text(&self, name: &str) -> String {
        self.0.get(name).and_then(|values| values.first()).cloned().unwrap_or_default()
    }

    /// All values of a flag.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// Whether a switch is on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.text(name) == "true"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(given: &[&str]) -> String {
        let given: Vec<String> = given.iter().map(ToString::to_string).collect();
        Flags::parse(&given, &[("from", Kind::Text), ("link", Kind::Switch)]).unwrap_err()
    }

    #[test]
    fn refusals_are_dockers() {
        assert_eq!(refusal(&["--form=x"]), "unknown flag: --form (did you mean --from?)");
        assert_eq!(refusal(&["--zzzzzz"]), "unknown flag: --zzzzzz");
        assert_eq!(refusal(&["--from=x", "--from=y"]), "duplicate flag specified: --from");
        assert_eq!(refusal(&["--from"]), "missing a value on flag: --from");
        assert_eq!(refusal(&["--link=x"]), "expecting boolean value for flag --link, not: x");
    }
}
