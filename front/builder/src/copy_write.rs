//! Puts the sources of a copy into the files of a container: what goes where, as a tar stream made on the way.

use crate::copy_sources::{Origin, Source};
use crate::error::{BuildError, Result};
use crate::paths::Destination;
use casement_dockerfile::InlineFile;
use casement_layers::volume::{Found, Overwrite, PathKind, Visit, VolumePath, VolumeTree};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use tar::{Builder, EntryType, Header};

/// Everything that one instruction copies.
pub(crate) struct Copying<'a> {
    pub(crate) origin: Origin<'a>,
    pub(crate) sources: &'a [Source],
    /// Files of the Dockerfile itself, by their names.
    pub(crate) files: &'a [InlineFile],
    pub(crate) destination: &'a Destination,
    /// Whether archives are unpacked.
    pub(crate) unpack: bool,
    /// Whether the directories above a source are made, too.
    pub(crate) parents: bool,
    /// The time of directories and files that have none: seconds since 1970.
    pub(crate) time: i64,
}

impl Copying<'_> {
    /// Copies.
    ///
    /// # Errors
    /// When something cannot be read, or cannot be where it goes.
    pub(crate) fn put_into(&self, target: &VolumeTree) -> Result<()> {
        let exists = self.destination_kind(target)?;
        if let Some(Kind::File) = exists
            && (self.sources.iter().any(|source| source.is_directory) || self.destination.is_directory)
        {
            return Err(BuildError::invalid(format!("cannot copy to non-directory: C:{}", self.destination.path)));
        }
        let inside = self.destination.is_directory || exists == Some(Kind::Directory) || self.parents;
        let mut archives = Vec::new();
        let (reader, writer) = io::pipe().map_err(BuildError::io("cannot make a pipe"))?;
        let (written, unpacked) = std::thread::scope(|scope| {
            let archives = &mut archives;
            let write =
                scope.spawn(move || self.write(BufWriter::with_capacity(1 << 16, writer), inside, exists, archives));
            let root = VolumePath::parse("/").map_err(BuildError::from);
            let unpacked = root.and_then(|root| Ok(target.unpack(&root, reader, Overwrite::SameKind)?));
            (write.join(), unpacked)
        });
        let written = written.map_err(|_| BuildError::internal("the copy failed"))?;
        // When the target refuses something, its refusal is the reason for the broken pipe.
        unpacked.map_err(|error| error.within("failed to copy files"))?;
        written.map_err(|error| error.within("failed to copy files"))?;
        for archive in archives {
            let directory = VolumePath::parse(&self.destination.path)?;
            target.unpack(&directory, archive, Overwrite::Anything)?;
        }
        Ok(())
    }

    fn destination_kind(&self, target: &VolumeTree) -> Result<Option<Kind>> {
        let path = VolumePath::parse(&self.destination.path)?;
        let mut kind = None;
        let looked = target.visit(&path, &mut |visited| {
            kind = Some(if matches!(visited.found, Found::Directory) { Kind::Directory } else { Kind::File });
            Ok(Visit::Past)
        });
        match looked.map_err(BuildError::from) {
            Ok(()) => Ok(kind),
            Err(error) if error.kind == crate::error::ErrorKind::NotFound => match target.stat(&path) {
                // A link that leads nowhere is replaced.
                Ok(stat) if matches!(stat.kind, PathKind::Link(_)) => Ok(None),
                _ => Ok(None),
            },
            Err(error) => Err(error),
        }
    }

    fn write(&self, out: impl Write, inside: bool, exists: Option<Kind>, archives: &mut Vec<File>) -> Result<()> {
        let mut builder = Builder::new(out);
        let base = self.destination.path.trim_matches('\\').replace('\\', "/");
        let failed = BuildError::io("cannot write the copy");
        let makes_directory = inside || self.sources.iter().any(|source| source.is_directory);
        if makes_directory && exists.is_none() && !base.is_empty() {
            append(&mut builder, &base, Entry::Directory, 0o755, (self.time, 0)).map_err(failed)?;
        }
        for source in self.sources {
            self.write_source(&mut builder, source, &base, inside, archives)?;
        }
        for file in self.files {
            let name = if inside { below(&base, &file.name) } else { base.clone() };
            let content = file.content.as_bytes();
            append(&mut builder, &name, Entry::File(&mut &*content, content.len() as u64), 0o644, (self.time, 0))
                .map_err(BuildError::io("cannot write the copy"))?;
        }
        builder.into_inner().and_then(|mut out| out.flush()).map_err(BuildError::io("cannot write the copy"))
    }

    fn write_source(
        &self,
        builder: &mut Builder<impl Write>,
        source: &Source,
        base: &str,
        inside: bool,
        archives: &mut Vec<File>,
    ) -> Result<()> {
        let base = match (self.parents, source.is_directory) {
            (false, _) => base.to_owned(),
            (true, true) => below(base, &source.path),
            (true, false) => below(base, source.path.rsplit_once('/').map_or("", |(above, _)| above)),
        };
        self.origin.walk(source, &mut |path, found, permissions, modified| {
            let name = match path {
                "" if source.is_directory => base.clone(),
                "" if inside => below(&base, source.name()),
                "" => base.clone(),
                path => below(&base, path),
            };
            match found {
                // The directory itself is there already, or was made above.
                Found::Directory if path.is_empty() && !self.parents => Ok(()),
                Found::Directory if name.is_empty() => Ok(()),
                Found::Directory => append(builder, &name, Entry::Directory, permissions, modified),
                Found::Link(target) => append(builder, &name, Entry::Link(&target), permissions, modified),
                Found::File(mut file, size) => {
                    if self.unpack && path.is_empty() && is_archive(&mut file)? {
                        archives.push(file);
                        return Ok(());
                    }
                    append(builder, &name, Entry::File(&mut file, size), permissions, modified)
                }
            }
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Directory,
}

enum Entry<'a> {
    File(&'a mut dyn Read, u64),
    Directory,
    Link(&'a str),
}

fn below(base: &str, name: &str) -> String {
    match (base, name) {
        ("", name) => name.to_owned(),
        (base, "") => base.to_owned(),
        (base, name) => format!("{base}/{name}"),
    }
}

fn append(
    builder: &mut Builder<impl Write>,
    name: &str,
    entry: Entry<'_>,
    permissions: u32,
    (seconds, nanoseconds): (i64, u32),
) -> io::Result<()> {
    let mut header = Header::new_ustar();
    let time = format!("{seconds}.{nanoseconds:09}");
    let mut records: Vec<(&str, &[u8])> = vec![("path", name.as_bytes())];
    if nanoseconds != 0 && seconds >= 0 {
        records.push(("mtime", time.as_bytes()));
    }
    if let Entry::Link(target) = &entry {
        records.push(("linkpath", target.as_bytes()));
    }
    builder.append_pax_extensions(records)?;
    header.set_mode(permissions);
    header.set_mtime(u64::try_from(seconds).unwrap_or(0));
    header.set_size(0);
    match entry {
        Entry::Directory => header.set_entry_type(EntryType::Directory),
        Entry::Link(_) => header.set_entry_type(EntryType::Symlink),
        Entry::File(content, size) => {
            header.set_entry_type(EntryType::Regular);
            header.set_size(size);
            header.set_cksum();
            return builder.append(&header, Exactly { content, left: size });
        }
    }
    header.set_cksum();
    builder.append(&header, io::empty())
}

/// As many bytes as were announced.
struct Exactly<'a> {
    content: &'a mut dyn Read,
    left: u64,
}

impl Read for Exactly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.content.read(&mut buffer[..wanted])?;
        if count == 0 && wanted > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read"));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// Whether a file is a tar archive, plain or of gzip. It is read from its beginning afterwards.
fn is_archive(file: &mut File) -> io::Result<bool> {
    let mut magic = [0; 2];
    let packed = file.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b];
    file.rewind()?;
    let first = |reader: &mut dyn Read| {
        let mut archive = tar::Archive::new(reader);
        let Ok(mut entries) = archive.entries() else { return false };
        matches!(entries.next(), Some(Ok(_)))
    };
    let mut head = file.take(1 << 20);
    let is_one = if packed { first(&mut MultiGzDecoder::new(&mut head)) } else { first(&mut head) };
    file.rewind()?;
    Ok(is_one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::open;
    use crate::paths::destination;
    use casement_dockerfile::ignore::IgnoreFile;
    use std::fs;
    use std::path::Path;

    struct Bench {
        directory: tempfile::TempDir,
        none: IgnoreFile,
    }

    /// What a copy is besides sources and destination.
    #[derive(Clone, Copy, Default)]
    struct Shape<'a> {
        files: &'a [InlineFile],
        unpack: bool,
        parents: bool,
    }

    const PLAIN: Shape<'static> = Shape { files: &[], unpack: false, parents: false };
    const UNPACKING: Shape<'static> = Shape { unpack: true, ..PLAIN };

    impl Bench {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            for name in ["context/sub/deep", "c/app"] {
                fs::create_dir_all(directory.path().join(name)).unwrap();
            }
            let bench = Self { directory, none: IgnoreFile::default() };
            bench.write("context/a.txt", "a");
            bench.write("context/sub/b.txt", "b");
            bench.write("context/sub/deep/c.txt", "c");
            bench.write("c/old.txt", "old");
            bench
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.directory.path().join(name)
        }

        fn write(&self, name: &str, content: &str) {
            fs::write(self.path(name), content).unwrap();
        }

        fn copy(&self, sources: &[&str], to: &str, shape: Shape<'_>) -> Result<()> {
            let context = open(&self.path("context")).unwrap();
            let origin = Origin { tree: &context, ignore: &self.none, exclude: &self.none, is_context: true };
            let found: Vec<Source> = sources.iter().flat_map(|source| origin.find(source).unwrap()).collect();
            let destination = destination("C:\\app", to).unwrap();
            let copying = Copying {
                origin,
                sources: &found,
                files: shape.files,
                destination: &destination,
                unpack: shape.unpack,
                parents: shape.parents,
                time: 1_000_000_000,
            };
            copying.put_into(&open(&self.path("c")).unwrap())
        }

        fn content(&self, name: &str) -> Option<String> {
            fs::read_to_string(Path::new(&self.path("c")).join(name)).ok()
        }
    }

    #[test]
    fn files_go_where_docker_puts_them() {
        for (sources, to, placed) in [
            (&["a.txt"][..], "x.txt", "app/x.txt"),
            (&["a.txt"], "new/", "app/new/a.txt"),
            (&["a.txt"], ".", "app/a.txt"),
            (&["a.txt"], "\\APP", "app/a.txt"),
            (&["sub"], "dir", "app/dir/deep/c.txt"),
            (&["sub"], ".", "app/deep/c.txt"),
            (&["sub", "a.txt"], "both/", "app/both/b.txt"),
            (&["."], "C:\\all", "all/sub/deep/c.txt"),
            (&["a.txt"], "\\old.txt", "old.txt"),
        ] {
            let bench = Bench::new();
            bench.copy(sources, to, PLAIN).unwrap();
            let content = bench.content(placed).unwrap_or_else(|| panic!("{sources:?} {to}"));
            assert_eq!(content.len(), 1, "{sources:?} {to}");
        }
        let bench = Bench::new();
        let refused = bench.copy(&["sub"], "\\old.txt", PLAIN).unwrap_err();
        assert_eq!(refused.message, "cannot copy to non-directory: C:\\old.txt");
        assert_eq!(bench.content("old.txt").as_deref(), Some("old"));
    }

    #[test]
    fn parents_and_files_of_the_dockerfile() {
        let bench = Bench::new();
        bench.copy(&["sub/deep/c.txt", "sub/b.txt"], "p/", Shape { parents: true, ..PLAIN }).unwrap();
        assert_eq!(bench.content("app/p/sub/deep/c.txt").as_deref(), Some("c"));
        let file = InlineFile { name: "EOF".to_owned(), content: "text\n".to_owned(), expand: true, chomp: false };
        let files = [file];
        bench.copy(&[], "one.txt", Shape { files: &files, ..PLAIN }).unwrap();
        bench.copy(&[], "in/", Shape { files: &files, ..PLAIN }).unwrap();
        assert_eq!(
            (bench.content("app/one.txt"), bench.content("app/in/EOF")),
            (Some("text\n".to_owned()), Some("text\n".to_owned()))
        );
        let time = fs::metadata(bench.path("c/app/one.txt")).unwrap().modified().unwrap();
        assert_eq!(time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), 1_000_000_000);
    }

    #[test]
    fn archives_are_unpacked_when_they_are_added() {
        let bench = Bench::new();
        let mut archive = Builder::new(Vec::new());
        let mut header = Header::new_ustar();
        header.set_size(2);
        header.set_mode(0o644);
        archive.append_data(&mut header, "in/packed.txt", &b"hi"[..]).unwrap();
        fs::write(bench.path("context/x.tar"), archive.into_inner().unwrap()).unwrap();
        bench.copy(&["x.tar"], "t/", UNPACKING).unwrap();
        assert_eq!(bench.content("app/t/in/packed.txt").as_deref(), Some("hi"));
        bench.copy(&["x.tar"], "plain/", PLAIN).unwrap();
        assert!(bench.content("app/plain/x.tar").is_some());
        bench.copy(&["a.txt"], "t/", UNPACKING).unwrap();
        assert_eq!(bench.content("app/t/a.txt").as_deref(), Some("a"));
    }

    #[test]
    fn links_of_the_target_do_not_lead_out() {
        let bench = Bench::new();
        fs::create_dir(bench.path("outside")).unwrap();
        std::os::unix::fs::symlink("../outside", bench.path("c/leak")).unwrap();
        std::os::unix::fs::symlink("/outside", bench.path("c/leak2")).unwrap();
        let _ = bench.copy(&["a.txt"], "\\leak\\x", PLAIN);
        let _ = bench.copy(&["a.txt"], "\\leak2\\", PLAIN);
        assert_eq!(fs::read_dir(bench.path("outside")).unwrap().count(), 0);
    }
}
