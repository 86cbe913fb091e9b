//! `-e NAME[=value]` and `--env-file`: variables for a container, some taken from the caller's own environment.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Largest file of variables, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// All variables as `NAME=value`: those of the files first, then those of the flags, so that the flags win.
///
/// A name without a value is taken from the caller's environment, and left out when it is not there.
///
/// # Errors
/// When a file cannot be read or a line has no name.
pub fn variables(files: &[PathBuf], flags: &[String]) -> Result<Vec<String>> {
    let mut variables = Vec::new();
    for file in files {
        for (index, line) in read(file)?.lines().enumerate() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.starts_with('=') {
                bail!("{}:{}: no variable name on line '{line}'", file.display(), index + 1);
            }
            variables.extend(completed(line));
        }
    }
    for flag in flags {
        if flag.is_empty() {
            bail!("invalid environment variable: {flag:?}");
        }
        variables.extend(completed(flag));
    }
    Ok(variables)
}

fn completed(text: &str) -> Option<String> {
    if text.contains('=') {
        return Some(text.to_owned());
    }
    std::env::var(text).ok().map(|value| format!("{text}={value}"))
}

fn read(file: &Path) -> Result<String> {
    let context = || format!("cannot read {}", file.display());
    let size = std::fs::metadata(file).with_context(context)?.len();
    if size > MAX_FILE_BYTES {
        bail!("{} is larger than {MAX_FILE_BYTES} bytes", file.display());
    }
    let text = std::fs::read_to_string(file).with_context(context)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn flags_come_after_files_and_names_are_completed() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "\u{feff}# comment\n\n  A=1\nB=x=y \nPATH\nNOT_SET_ANYWHERE\n").unwrap();
        let flags = ["A=2".to_owned(), "NOT_SET_ANYWHERE".to_owned()];
        let variables = variables(&[file.path().to_owned()], &flags).unwrap();
        let path = format!("PATH={}", std::env::var("PATH").unwrap());
        assert_eq!(variables, ["A=1", "B=x=y ", path.as_str(), "A=2"]);
    }

    #[test]
    fn lines_without_a_name_are_refused() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "=x").unwrap();
        assert!(variables(&[file.path().to_owned()], &[]).is_err());
        assert!(variables(&[], &[String::new()]).is_err());
        assert!(variables(&["/nowhere".into()], &[]).is_err());
    }
}
