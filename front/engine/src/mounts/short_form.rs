//! `-v [source:]C:\path[:ro|rw]`.

use std::path::PathBuf;
use std::str::FromStr;

use super::{Source, Wanted, check_directory, is_pipe, is_windows_path, no_pipes, target};
use crate::error::{Error, Result};
use crate::volumes::VolumeName;

impl FromStr for Wanted {
    type Err = Error;

    /// The target starts at the last `:X:\` or `:X:/` in the text, so a path of the host may hold colons.
    fn from_str(text: &str) -> Result<Self> {
        let invalid = || Error::InvalidParameter(format!("invalid volume specification: '{text}'"));
        let (rest, mode) = match text.rsplit_once(':') {
            Some((rest, mode)) if mode.eq_ignore_ascii_case("ro") || mode.eq_ignore_ascii_case("rw") => (rest, mode),
            _ => (text, ""),
        };
        if rest.contains('\0') {
            return Err(invalid());
        }
        if is_pipe(rest) || rest.split_once(':').is_some_and(|(source, _)| is_pipe(source)) {
            return Err(no_pipes());
        }
        let (source, destination) = match split(rest) {
            Some((source, destination)) => (Some(source), destination),
            None if is_drive(rest) => (None, rest),
            None => return Err(invalid()),
        };
        let wanted = Self {
            source: source.map_or(Ok(Source::Anonymous), |source| self::source(text, source))?,
            target: target(destination)?,
            read_only: mode.eq_ignore_ascii_case("ro"),
            mode: mode.to_ascii_lowercase(),
        };
        if wanted.read_only && wanted.source == Source::Anonymous {
            return Err(Error::InvalidParameter("must not set ReadOnly mode when using anonymous volumes".to_owned()));
        }
        Ok(wanted)
    }
}

fn is_drive(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 2
        && bytes[0].is_ascii_alphabetic()
        && bytes[1] == b':'
        && matches!(bytes.get(2), None | Some(b'\\' | b'/'))
}

fn split(rest: &str) -> Option<(&str, &str)> {
    let at = (1..rest.len()).rev().find(|at| rest.as_bytes()[*at] == b':' && is_drive(&rest[at + 1..]))?;
    Some((&rest[..at], &rest[at + 1..]))
}

fn source(text: &str, source: &str) -> Result<Source> {
    if source.starts_with('/') {
        let path = PathBuf::from(source);
        check_directory(&path)?;
        return Ok(Source::Directory(path));
    }
    if is_windows_path(source) {
        return Err(Error::InvalidParameter(format!(
            "invalid volume specification: '{text}': the host runs Linux: write its directories like /dir, not '{source}'"
        )));
    }
    let name: VolumeName = source.parse()?;
    Ok(Source::Volume { name, subpath: None, labels: Default::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> Wanted {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn refusal(text: &str) -> String {
        text.parse::<Wanted>().unwrap_err().to_string()
    }

    #[test]
    fn source_target_and_mode_are_told_apart() {
        let plain = wanted(r"/proc:C:\data");
        assert_eq!(
            (plain.source, plain.target.to_string()),
            (Source::Directory("/proc".into()), r"C:\data".to_owned())
        );
        assert!(wanted(r"/proc:c:\data:ro").read_only);
        assert!(!wanted(r"/proc:c:/data:RW").read_only);
        let directory = tempfile::Builder::new().prefix("a:b").tempdir().unwrap();
        let text = format!("{}:c:/x//y/", directory.path().display());
        assert_eq!(wanted(&text).source, Source::Directory(directory.path().to_owned()));
        assert_eq!(wanted(&text).target.to_string(), r"C:\x\y");
        assert!(matches!(wanted(r"data:C:\x").source, Source::Volume { name, .. } if name.as_str() == "data"));
        assert_eq!(wanted(r"C:\x").source, Source::Anonymous);
    }

    #[test]
    fn hostile_specifications_are_refused() {
        for text in [
            "",
            ":",
            "/proc",
            "/proc:",
            "/proc:/x",
            r"/proc:D:\x",
            "/proc:C:",
            r"/proc:C:\",
            "/proc:C:x",
            r"/proc:C:\..\x",
            r"/proc:C:\a:b",
            r"/proc:C:\a*",
            r"/proc:C:\x:zz",
            "a:b",
            r"d:x:C:\y",
            ":C:\\x",
            r"é:C:\x",
            r"C:\x:ro",
        ] {
            assert!(text.parse::<Wanted>().is_err(), "{text}");
        }
    }

    #[test]
    fn refusals_have_the_words_of_windows() {
        assert_eq!(refusal("/proc:/x"), "invalid volume specification: '/proc:/x'");
        assert_eq!(refusal(r"/proc:C:\"), r"destination path (c:\) cannot be 'c:' or 'c:\'");
        assert_eq!(
            refusal(r"/proc/version:C:\x"),
            "file '/proc/version' cannot be mapped. Only directories can be mapped on this platform"
        );
        assert!(refusal(r"/no/where:C:\x").ends_with("bind source path does not exist: /no/where"));
        assert!(refusal(r"C:\data:C:\x").contains("the host runs Linux"));
        assert!(refusal(r"\\.\pipe\docker_engine:\\.\pipe\docker_engine").contains("named pipes"));
        assert_eq!(refusal(r"con:C:\x"), "volume name \"con\" cannot be a reserved word for Windows filenames");
    }
}
