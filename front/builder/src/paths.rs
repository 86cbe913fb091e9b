//! The rules of `WORKDIR` and of destinations on Windows.

use crate::error::{BuildError, Result};

/// A path with one kind of slash, without `.`, `..` and doubled slashes, as Go's `filepath.Clean` has it on Windows.
fn cleaned(path: &str) -> String {
    let path = path.replace('/', "\\");
    let (drive, rest) = match path.as_bytes() {
        [letter, b':', ..] if letter.is_ascii_alphabetic() => path.split_at(2),
        _ => ("", path.as_str()),
    };
    let rooted = rest.starts_with('\\');
    let mut parts: Vec<&str> = Vec::new();
    for part in rest.split('\\') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("\\");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("{drive}\\{joined}"),
        (false, true) => format!("{drive}."),
        (false, false) => format!("{drive}{joined}"),
    }
}

fn has_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// Whether a path begins at a root, with or without a drive.
fn is_rooted(path: &str) -> bool {
    path.starts_with('\\') || (has_drive(path) && path[2..].starts_with('\\'))
}

/// The directory that `WORKDIR requested` leads to from `current`.
pub(crate) fn work_directory(current: &str, requested: &str) -> Result<String> {
    if requested.is_empty() {
        return Err(BuildError::internal("cannot normalize nothing"));
    }
    let current = if current.is_empty() { String::new() } else { cleaned(current) };
    let requested = cleaned(requested);
    for path in [&current, &requested] {
        if has_drive(path) && &path[2..] == "." {
            return Err(BuildError::internal(format!(
                "{path} is not a directory. If you are specifying a drive letter, please add a trailing '\\'"
            )));
        }
    }
    let joined = if current.is_empty() || is_rooted(&requested) {
        match has_drive(&requested) {
            true => requested,
            false => cleaned(&format!("C:\\{requested}")),
        }
    } else {
        cleaned(&format!("{current}\\{requested}"))
    };
    let mut letters = joined.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    Ok(first.into_iter().chain(letters).collect())
}

/// Where a copy goes: a path from the root of drive C, and whether it was written as a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    /// With backslashes, from the root on.
    pub(crate) path: String,
    /// Whether it ends in a slash.
    pub(crate) is_directory: bool,
}

/// The destination of a copy as seen from the working directory.
pub(crate) fn destination(work_directory: &str, requested: &str) -> Result<Destination> {
    let requested = requested.replace('/', "\\");
    let is_directory = requested.ends_with('\\') || requested == "." || requested.ends_with("\\.");
    let mut path = requested.as_str();
    if has_drive(path) && path[2..].starts_with('\\') {
        if !path.starts_with(['c', 'C']) {
            return Err(BuildError::internal("Windows does not support destinations not on the system drive (C:)"));
        }
        path = &path[2..];
    }
    if path.starts_with('\\') {
        return Ok(Destination { path: cleaned(path), is_directory });
    }
    if !work_directory.is_empty() && !work_directory.starts_with(['c', 'C']) {
        return Err(BuildError::internal(
            "Windows does not support relative paths when WORKDIR is not the system drive",
        ));
    }
    let above = work_directory.get(2..).unwrap_or_default();
    Ok(Destination { path: cleaned(&format!("\\{above}\\{path}")), is_directory })
}

/// Refuses what cannot be copied of another image.
pub(crate) fn check_copied_from(path: &str) -> Result<()> {
    let lower = path.to_lowercase();
    let rooted = match has_drive(&lower) {
        true => cleaned(&format!("{}\\{}", &lower[..2], &lower[2..])),
        false => cleaned(&format!("c:\\{lower}")),
    };
    match rooted.as_str() {
        "c:\\" | "c:\\windows" => Err(BuildError::internal("copy from c:\\ or c:\\windows is not allowed on windows")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn working_directories_are_absolute() {
        for (current, requested, result) in [
            ("", "a", "C:\\a"),
            ("", "c:\\foo", "C:\\foo"),
            ("", "\\foo", "C:\\foo"),
            ("", "/foo", "C:\\foo"),
            ("", "C:/foo/../bar/.", "C:\\bar"),
            ("C:\\foo", "bar", "C:\\foo\\bar"),
            ("C:\\foo", "\\bar", "C:\\bar"),
            ("C:\\foo", "c:/bar", "C:\\bar"),
            ("C:\\foo", "..\\..\\..", "C:\\"),
            ("", "d:\\x", "D:\\x"),
            ("", "/", "C:\\"),
        ] {
            assert_eq!(work_directory(current, requested).unwrap(), result, "{current} {requested}");
        }
        for requested in ["C:", "C:."] {
            assert_eq!(
                work_directory("", requested).unwrap_err().message,
                "C:. is not a directory. If you are specifying a drive letter, please add a trailing '\\'"
            );
        }
    }

    #[test]
    fn destinations_are_on_drive_c() {
        for (directory, requested, path, is_directory) in [
            ("", "x", "\\x", false),
            ("C:\\app", "x/", "\\app\\x", true),
            ("C:\\app", ".", "\\app", true),
            ("C:\\app", "./", "\\app", true),
            ("C:\\app", "c:\\y", "\\y", false),
            ("C:\\app", "/y\\", "\\y", true),
            ("D:\\app", "C:/y", "\\y", false),
            ("C:\\", "..\\..\\z", "\\z", false),
        ] {
            let expected = Destination { path: path.to_owned(), is_directory };
            assert_eq!(destination(directory, requested).unwrap(), expected, "{directory} {requested}");
        }
        let text = |directory, requested| destination(directory, requested).unwrap_err().message;
        assert_eq!(text("", "d:\\x"), "Windows does not support destinations not on the system drive (C:)");
        assert_eq!(text("D:\\", "x"), "Windows does not support relative paths when WORKDIR is not the system drive");
    }

    #[test]
    fn windows_itself_is_not_copied() {
        for path in ["\\", "c:\\", "C:", "/Windows/", "c:\\windows", "windows", "x\\.."] {
            assert!(check_copied_from(path).is_err(), "{path}");
        }
        for path in ["c:\\windows\\system32", "x", "\\app", "C:app"] {
            assert!(check_copied_from(path).is_ok(), "{path}");
        }
    }
}
