//! `--log-driver` and `--log-opt`: what a container may ask for, and what it means to its silo host.

use std::collections::BTreeMap;

use casement_hcs::LogSettings;
use regex_lite::Regex;

use crate::container::Container;
use crate::error::{Error, Result};
use crate::model::LogConfig;

/// The driver of containers that name none.
pub(crate) const DEFAULT: &str = "json-file";
/// The driver that keeps nothing.
const NONE: &str = "none";
/// The options of `json-file`.
const OPTIONS: [&str; 8] = ["compress", "env", "env-regex", "labels", "labels-regex", "max-file", "max-size", "tag"];
/// Options that every driver has.
const COMMON_OPTIONS: [&str; 2] = ["mode", "max-buffer-size"];
/// Most files of one log: readers look at no more.
const MAX_FILES: u32 = 1_000;

/// Puts in the default driver and checks the rest.
///
/// # Errors
/// [`Error::InvalidParameter`], in Docker's words.
pub(crate) fn settle(log: &mut LogConfig) -> Result<()> {
    if log.kind.is_empty() {
        log.kind = DEFAULT.to_owned();
    }
    match log.kind.as_str() {
        NONE => Ok(()),
        DEFAULT => match log.config.keys().find(|name| !known(name)) {
            None => Ok(()),
            Some(name) => refuse(format!("unknown log opt '{name}' for json-file log driver")),
        },
        other => refuse(format!("logger: no log driver named '{other}' is registered")),
    }
}

/// How a container's output is kept; `None`: not at all. As in Docker, this is asked when it starts.
///
/// # Errors
/// [`Error::InvalidParameter`] for values that are not valid, in Docker's words.
pub(crate) fn log_settings(container: &Container) -> Result<Option<LogSettings>> {
    let log = &container.host_config.log_config;
    if log.kind == NONE {
        return Ok(None);
    }
    let settings = json_file(container, &log.config);
    settings.map(Some).map_err(|text| Error::InvalidParameter(format!("failed to initialize logging driver: {text}")))
}

fn json_file(container: &Container, options: &BTreeMap<String, String>) -> Result<LogSettings, String> {
    let max_bytes = options.get("max-size").map(|text| size(text)).transpose()?;
    let max_files = match options.get("max-file") {
        None => 1,
        Some(text) => {
            let number: i64 = text.parse().map_err(|_| format!("strconv.Atoi: parsing \"{text}\": invalid syntax"))?;
            if number < 1 {
                return Err("max-file cannot be less than 1".to_owned());
            }
            u32::try_from(number).unwrap_or(MAX_FILES).min(MAX_FILES)
        }
    };
    if let Some(text) = options.get("compress") {
        match text.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" if max_files < 2 || max_bytes.is_none() => {
                return Err("compress cannot be true when max-file is less than 2 or max-size is not set".to_owned());
            }
            "1" | "t" | "T" | "TRUE" | "true" | "True" => {
                return Err("log opt 'compress' is not implemented by this version of Casement".to_owned());
            }
            "0" | "f" | "F" | "FALSE" | "false" | "False" => {}
            _ => return Err(format!("strconv.ParseBool: parsing \"{text}\": invalid syntax")),
        }
    }
    Ok(LogSettings { max_bytes, max_files, attributes: attributes(container, options)? })
}

/// Names that an option lists or that the expression of another fits.
struct Chosen<'a> {
    names: Vec<&'a str>,
    expression: Option<Regex>,
}

impl<'a> Chosen<'a> {
    fn read(options: &'a BTreeMap<String, String>, list: &str, expression: &str) -> Result<Self, String> {
        let names = options.get(list).map(|names| names.split(',').collect()).unwrap_or_default();
        let expression =
            options.get(expression).filter(|text| !text.is_empty()).map(|text| Regex::new(text)).transpose();
        Ok(Self { names, expression: expression.map_err(|error| format!("error parsing regexp: {error}"))? })
    }

    fn has(&self, name: &str) -> bool {
        self.names.contains(&name) || self.expression.as_ref().is_some_and(|expression| expression.is_match(name))
    }
}

/// Labels and variables of the container that were asked for, and its tag.
fn attributes(container: &Container, options: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
    let labels = Chosen::read(options, "labels", "labels-regex")?;
    let variables = Chosen::read(options, "env", "env-regex")?;
    let mut attributes = BTreeMap::new();
    for (label, value) in container.config.labels.iter().filter(|(label, _)| labels.has(label)) {
        attributes.insert(label.clone(), value.clone());
    }
    // The last of several with one name holds.
    for (name, value) in container.config.env.iter().flatten().filter_map(|variable| variable.split_once('=')) {
        if variables.has(name) {
            attributes.insert(name.to_owned(), value.to_owned());
        }
    }
    if let Some(template) = options.get("tag").filter(|template| !template.is_empty()) {
        attributes.insert("tag".to_owned(), tag(template, container)?);
    }
    Ok(attributes)
}

/// A tag: text with `{{.Name}}` and the like.
fn tag(template: &str, container: &Container) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (field, after) = after.split_once("}}").ok_or_else(|| format!("unclosed action in tag '{template}'"))?;
        let id = container.id.as_str();
        let image = container.image_id.as_str();
        let value = match field.trim() {
            ".ID" => container.id.short().to_owned(),
            ".FullID" => id.to_owned(),
            ".Name" => container.name.to_string(),
            ".ImageID" => image.rsplit(':').next().unwrap_or_default().chars().take(12).collect(),
            ".ImageFullID" => image.to_owned(),
            ".ImageName" => container.config.image.clone(),
            ".Command" => container.command().join(" "),
            ".DaemonName" => "docker".to_owned(),
            other => return Err(format!("'{{{{{other}}}}}' is not implemented in tags by this version of Casement")),
        };
        text.push_str(before);
        text.push_str(&value);
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

/// A number of bytes as Docker reads it: decimal units.
fn size(text: &str) -> Result<u64, String> {
    let invalid = || format!("invalid size: '{text}'");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let number: f64 = digits.parse().map_err(|_| invalid())?;
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let mut letters = unit.chars().peekable();
    let power = letters.next_if(|letter| "kmgtp".contains(*letter)).and_then(|letter| "kmgtp".find(letter));
    let _ = letters.next_if_eq(&'i');
    let _ = letters.next_if_eq(&'b');
    if letters.next().is_some() {
        return Err(invalid());
    }
    let factor = power.map_or(1.0, |power| 1_000_f64.powi(i32::try_from(power).unwrap_or(0) + 1));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates, and digits have no sign"
    )]
    let bytes = (number * factor) as u64;
    if bytes == 0 { Err("max-size must be a positive number".to_owned()) } else { Ok(bytes) }
}

fn known(name: &str) -> bool {
    OPTIONS.contains(&name) || COMMON_OPTIONS.contains(&name)
}

fn refuse(text: String) -> Result<()> {
    Err(Error::InvalidParameter(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(kind: &str, options: &[&str]) -> Result<String> {
        let config = options.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect();
        let mut log = LogConfig { kind: kind.to_owned(), config };
        settle(&mut log).map(|()| log.kind)
    }

    #[test]
    fn drivers_and_options_are_known_or_refused() {
        assert_eq!(settled("", &["max-file"]).unwrap(), "json-file");
        assert_eq!(settled("none", &["anything"]).unwrap(), "none");
        assert_eq!(settled("asdf", &[]).unwrap_err().to_string(), "logger: no log driver named 'asdf' is registered");
        assert_eq!(
            settled("json-file", &["max-fle"]).unwrap_err().to_string(),
            "unknown log opt 'max-fle' for json-file log driver"
        );
    }

    #[test]
    fn sizes_have_decimal_units() {
        for (text, bytes) in [("10", 10), ("10b", 10), ("2k", 2_000), ("1.5M", 1_500_000), ("1 KiB", 1_000)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "k", "10x", "-1", "1kk"] {
            assert_eq!(size(text), Err(format!("invalid size: '{text}'")), "{text}");
        }
        assert_eq!(size("0"), Err("max-size must be a positive number".to_owned()));
    }

    #[test]
    fn the_options_become_settings_or_are_refused() {
        let mut container = Container::sample(crate::ContainerId::random().unwrap(), "web".parse().unwrap(), 0);
        container.config.labels.insert("tier".to_owned(), "front".to_owned());
        container.config.env = Some(vec!["A=1".to_owned(), "B=2".to_owned(), "A=3".to_owned()]);
        let mut settings = |options: &[(&str, &str)]| {
            let config = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            container.host_config.log_config = LogConfig { kind: "json-file".to_owned(), config };
            log_settings(&container).map(Option::unwrap).map_err(|error| error.to_string())
        };
        assert_eq!(settings(&[]).unwrap(), LogSettings::default());
        let all = [("max-size", "2k"), ("max-file", "3"), ("labels", "tier,x"), ("env", "A"), ("tag", "{{.Name}}!")];
        let all = settings(&all).unwrap();
        let fitting = settings(&[("labels-regex", "^t"), ("env-regex", "B|C")]).unwrap().attributes;
        assert_eq!(fitting.into_keys().collect::<Vec<_>>(), ["B", "tier"]);
        assert_eq!((all.max_bytes, all.max_files), (Some(2_000), 3));
        let attributes: Vec<_> = all.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(attributes, ["A=3", "tag=web!", "tier=front"]);
        for (name, value, text) in [
            ("max-file", "0", "max-file cannot be less than 1"),
            ("max-size", "x", "invalid size: 'x'"),
            ("compress", "true", "compress cannot be true when max-file is less than 2 or max-size is not set"),
        ] {
            let refused = settings(&[(name, value)]).unwrap_err();
            assert_eq!(refused, format!("failed to initialize logging driver: {text}"));
        }
    }
}
