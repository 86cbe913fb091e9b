//! Names as Windows programs see them: without regard to case.

use rustix::fs::{AtFlags, Mode, OFlags};
use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What two names have in common that differ in nothing but case.
pub(super) fn fold(name: &str) -> String {
    name.chars().map(casement_wcifs::upcase::upcase).collect()
}

/// The name in directory `at` that equals `name` but for case: the exact one if there are several.
pub(crate) fn existing_name(at: &impl AsFd, name: &str) -> rustix::io::Result<Option<OsString>> {
    if rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
        return Ok(Some(name.into()));
    }
    let folded = fold(name);
    let fits = |found: &OsString| found.to_str().is_some_and(|found| fold(found) == folded);
    Ok(names(at)?.into_iter().find(fits))
}

/// All names in directory `at`, which may be a descriptor of its place only.
pub(crate) fn names(at: &impl AsFd) -> rustix::io::Result<Vec<OsString>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let readable = rustix::fs::openat(at, ".", flags, Mode::empty())?;
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::new(readable)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name.to_vec()));
        }
    }
    Ok(names)
}

/// The name as people read it.
pub(super) fn shown(name: &OsStr) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(name.as_bytes())
}
