//! What `COPY` and `ADD` copy: paths and patterns looked up in a tree, and the hash that the cache knows them by.

use crate::error::{BuildError, ErrorKind, Result};
use casement_dockerfile::Pattern;
use casement_dockerfile::ignore::IgnoreFile;
use casement_layers::volume::{Found, Visit, VolumePath, VolumeTree};
use sha2::{Digest, Sha256};
use std::io::{self, Read};

/// Most files and directories that one pattern may find.
const MAX_FOUND: usize = 100_000;

/// Something to be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// Its path in the tree, with `/`, as it was found.
    pub(crate) path: String,
    /// Whether it is a directory, whose content is copied.
    pub(crate) is_directory: bool,
}

impl Source {
    /// The name of a file that is copied into a directory.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// Is shown an entry: its path from the source on, what it is, its permission bits, and its time in seconds and nanoseconds.
type Visitor<'a> = dyn FnMut(&str, Found, u32, (i64, u32)) -> io::Result<()> + 'a;

/// A tree and what of it does not count.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) tree: &'a VolumeTree,
    /// By paths from the root of the tree.
    pub(crate) ignore: &'a IgnoreFile,
    /// By paths from the source that is copied.
    pub(crate) exclude: &'a IgnoreFile,
    /// Whether the tree is the context.
    pub(crate) is_context: bool,
}

impl Origin<'_> {
    /// Looks a path or pattern up.
    ///
    /// # Errors
    /// In Docker's words when there is nothing.
    pub(crate) fn find(&self, written: &str) -> Result<Vec<Source>> {
        let shown = plain(written);
        if Pattern::is_one(&shown) {
            return self.find_pattern(&shown);
        }
        let found = self.look(&shown)?.filter(|source| source.path.is_empty() || !self.ignored(source));
        match found {
            Some(source) => Ok(vec![source]),
            None if self.is_context => Err(BuildError::new(
                ErrorKind::NotFound,
                format!(
                    "file not found in build context or excluded by .dockerignore: stat {shown}: file does not exist"
                ),
            )),
            None => Err(BuildError::new(ErrorKind::NotFound, format!("stat {shown}: file does not exist"))),
        }
    }

    fn ignored(&self, source: &Source) -> bool {
        self.ignore.excludes(&source.path) && !(source.is_directory && self.ignore.has_exceptions())
    }

    fn look(&self, path: &str) -> Result<Option<Source>> {
        let parsed = VolumePath::parse(&format!("/{path}"))?;
        let mut found = None;
        let looked = self.tree.visit(&parsed, &mut |visited| {
            found = match visited.found {
                Found::File(..) => Some(false),
                Found::Directory => Some(true),
                Found::Link(_) => None,
            };
            Ok(Visit::Past)
        });
        match looked.map_err(BuildError::from) {
            Ok(()) => Ok(found.map(|is_directory| Source { path: parsed.components().join("/"), is_directory })),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Goes down one component after another, so that only directories that may hold a match are read.
    fn find_pattern(&self, written: &str) -> Result<Vec<Source>> {
        let malformed = |why| BuildError::invalid(format!("{written}: {why}"));
        let components: Vec<&str> = written.split(['/', '\\']).filter(|part| !matches!(*part, "" | ".")).collect();
        let mut at = vec![Source { path: String::new(), is_directory: true }];
        for component in components {
            let pattern =
                Pattern::is_one(component).then(|| Pattern::parse(component, false)).transpose().map_err(malformed)?;
            let mut next = Vec::new();
            for directory in at.iter().filter(|source| source.is_directory) {
                let inside = |name: &str| match directory.path.as_str() {
                    "" => name.to_owned(),
                    above => format!("{above}/{name}"),
                };
                match &pattern {
                    None => next.extend(self.look(&inside(component))?),
                    Some(pattern) => {
                        for name in self.names(&directory.path)?.iter().filter(|name| pattern.matches(name)) {
                            next.extend(self.look(&inside(name))?);
                        }
                    }
                }
                if next.len() > MAX_FOUND {
                    return Err(BuildError::invalid(format!("{written} matches more than {MAX_FOUND} files")));
                }
            }
            at = next;
        }
        at.retain(|source| !self.ignored(source));
        Ok(at)
    }

    fn names(&self, directory: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        self.tree.visit(&VolumePath::parse(&format!("/{directory}"))?, &mut |visited| {
            if visited.path.is_empty() {
                return Ok(Visit::Inside);
            }
            names.push(visited.path.to_owned());
            Ok(Visit::Past)
        })?;
        Ok(names)
    }

    /// Shows everything of a source that is copied, with paths from the source on: a file alone has none.
    pub(crate) fn walk(&self, source: &Source, visit: &mut Visitor<'_>) -> Result<()> {
        let path = VolumePath::parse(&format!("/{}", source.path))?;
        self.tree.visit(&path, &mut |visited| {
            let whole = match (source.path.as_str(), visited.path) {
                (above, "") => above.to_owned(),
                ("", below) => below.to_owned(),
                (above, below) => format!("{above}/{below}"),
            };
            let name = if visited.path.is_empty() { source.name() } else { visited.path };
            let is_top = visited.path.is_empty() && source.is_directory;
            let ignored = !is_top && self.ignore.excludes(&whole);
            let excluded = !is_top && self.exclude.excludes(name);
            if ignored || excluded {
                // Something below may stay nevertheless.
                let exceptions =
                    (!ignored || self.ignore.has_exceptions()) && (!excluded || self.exclude.has_exceptions());
                let directory = matches!(visited.found, Found::Directory);
                return Ok(if directory && exceptions { Visit::Inside } else { Visit::Past });
            }
            visit(visited.path, visited.found, visited.permissions, visited.modified)?;
            Ok(Visit::Inside)
        })?;
        Ok(())
    }

    /// The hash of a source: of names, kinds, contents and targets of links, and of nothing that a checkout changes.
    pub(crate) fn hash(&self, source: &Source) -> Result<String> {
        let mut whole = Sha256::new();
        let mut entry = |kind: u8, path: &str, content: &[u8]| {
            whole.update([kind]);
            whole.update((path.len() as u64).to_le_bytes());
            whole.update(path.as_bytes());
            whole.update(content);
        };
        self.walk(source, &mut |path, found, permissions, _| {
            match found {
                Found::Directory => entry(b'd', path, &[]),
                Found::Link(target) => entry(b'l', path, &Sha256::digest(target.as_bytes())),
                Found::File(file, _) => {
                    let writable = if permissions & 0o222 == 0 { b'r' } else { b'f' };
                    entry(writable, path, &hash_of(file)?);
                }
            }
            Ok(())
        })?;
        let kind = if source.is_directory { "dir" } else { "file" };
        Ok(format!("{kind}:{}", casement_nt::digest::hex(&whole.finalize())))
    }
}

fn hash_of(mut content: impl Read) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// One hash of several.
pub(crate) fn joined(hashes: &[String]) -> String {
    match hashes {
        [one] => one.clone(),
        several => {
            format!("multi:{}", casement_nt::digest::hex(&Sha256::digest(several.join(",").as_bytes())))
        }
    }
}

/// A path as it is looked up: without a drive, with `/`, without `/` or `./` in front.
fn plain(written: &str) -> String {
    let slashes = written.replace('\\', "/");
    let without_drive = match slashes.as_bytes() {
        [letter, b':', ..] if letter.is_ascii_alphabetic() => &slashes[2..],
        _ => slashes.as_str(),
    };
    let rooted = without_drive.trim_start_matches('/');
    rooted.strip_prefix("./").unwrap_or(rooted).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Files(tempfile::TempDir, VolumeTree);

    fn files(paths: &[&str]) -> Files {
        let directory = tempfile::tempdir().unwrap();
        for path in paths {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, path.file_name().unwrap().as_encoded_bytes()).unwrap();
        }
        let tree = crate::context::open(directory.path()).unwrap();
        Files(directory, tree)
    }

    fn ignoring(text: &str) -> IgnoreFile {
        IgnoreFile::parse(text).unwrap()
    }

    fn found(files: &Files, ignore: &IgnoreFile, written: &str) -> Result<Vec<String>> {
        let none = IgnoreFile::default();
        let origin = Origin { tree: &files.1, ignore, exclude: &none, is_context: true };
        Ok(origin.find(written)?.into_iter().map(|source| source.path).collect())
    }

    #[test]
    fn paths_and_patterns_are_found_without_regard_to_case() {
        let files = files(&["a.txt", "b.TXT", "src/x/one.c", "src/y/one.c", "src/y/two.h"]);
        let none = IgnoreFile::default();
        for (written, paths) in [
            ("a.txt", &["a.txt"][..]),
            (".\\A.TXT", &["A.TXT"]),
            ("/src", &["src"]),
            (".", &[""]),
            ("*.txt", &["a.txt", "b.TXT"]),
            ("src\\*\\one.c", &["src/x/one.c", "src/y/one.c"]),
            ("s?c/y/*", &["src/y/one.c", "src/y/two.h"]),
            ("*.zip", &[]),
        ] {
            assert_eq!(found(&files, &none, written).unwrap(), paths, "{written}");
        }
        assert_eq!(
            found(&files, &none, "nothing").unwrap_err().message,
            "file not found in build context or excluded by .dockerignore: stat nothing: file does not exist"
        );
        assert!(found(&files, &none, "[a").is_err());
    }

    #[test]
    fn what_is_ignored_is_not_there() {
        let files = files(&["a.txt", "secret.txt", "node_modules/x/y", "keep/no", "keep/yes"]);
        let ignore = ignoring("secret.txt\nnode_modules\nkeep/*\n!keep/yes\n");
        assert_eq!(found(&files, &ignore, "*.txt").unwrap(), ["a.txt"]);
        assert!(found(&files, &ignore, "secret.txt").is_err());
        let exclude = IgnoreFile::of_patterns(["*.txt"].into_iter()).unwrap();
        let origin = Origin { tree: &files.1, ignore: &ignore, exclude: &exclude, is_context: true };
        let mut seen = Vec::new();
        let all = Source { path: String::new(), is_directory: true };
        origin
            .walk(&all, &mut |path, _, _, _| {
                seen.push(path.to_owned());
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, ["", "keep", "keep/yes"]);
    }

    #[test]
    fn hashes_are_of_content_and_names() {
        let none = IgnoreFile::default();
        let hash = |files: &Files, path: &str| {
            let origin = Origin { tree: &files.1, ignore: &none, exclude: &none, is_context: true };
            origin.hash(&origin.find(path).unwrap()[0]).unwrap()
        };
        let (one, other) = (files(&["d/a", "d/b"]), files(&["d/a", "d/b"]));
        assert_eq!(hash(&one, "d"), hash(&other, "d"));
        assert!(hash(&one, "d").starts_with("dir:") && hash(&one, "d/a").starts_with("file:"));
        let before = hash(&one, "d");
        fs::write(one.0.path().join("d/a"), "A").unwrap();
        let changed = hash(&one, "d");
        fs::rename(one.0.path().join("d/b"), one.0.path().join("d/c")).unwrap();
        assert!(before != changed && changed != hash(&one, "d"));
        assert_eq!(joined(&["file:1".to_owned()]), "file:1");
        assert!(joined(&["a".to_owned(), "b".to_owned()]).starts_with("multi:"));
    }
}
