//! `COPY` and `ADD`.

use crate::copy_sources::{Origin, Source, joined};
use crate::copy_write::Copying;
use crate::error::{BuildError, Result};
use crate::paths::{self, Destination};
use crate::stage::Building;
use crate::workshop::{Request, Snapshot, Step};
use casement_dockerfile::ignore::IgnoreFile;
use casement_dockerfile::{CopyFiles, InlineFile, Pattern};
use sha2::{Digest, Sha256};

/// What `--chown` may name besides a SID ("Well-known SIDs", Microsoft Learn; those of containers as Docker knows them).
const ACCOUNTS: [(&str, &str); 12] = [
    ("ContainerAdministrator", "S-1-5-93-2-1"),
    ("ContainerUser", "S-1-5-93-2-2"),
    ("Administrators", "S-1-5-32-544"),
    ("BUILTIN\\Administrators", "S-1-5-32-544"),
    ("Users", "S-1-5-32-545"),
    ("BUILTIN\\Users", "S-1-5-32-545"),
    ("Everyone", "S-1-1-0"),
    ("Authenticated Users", "S-1-5-11"),
    ("NT AUTHORITY\\Authenticated Users", "S-1-5-11"),
    ("SYSTEM", "S-1-5-18"),
    ("NT AUTHORITY\\SYSTEM", "S-1-5-18"),
    ("Guests", "S-1-5-32-546"),
];
const NO_CHMOD: &str = "the --chmod option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how to build images with BuildKit enabled";

impl Building<'_> {
    pub(crate) fn copy(&mut self, keyword: &str, copy: &CopyFiles) -> Result<()> {
        if !copy.chmod.is_empty() {
            return Err(BuildError::internal(NO_CHMOD));
        }
        let owner = owner(&copy.chown)?;
        for source in &copy.sources {
            check_address(keyword, source)?;
        }
        let files = self.inline(&copy.files)?;
        let destination = paths::destination(&self.config.working_dir, &copy.destination)
            .map_err(|error| error.within(format_args!("invalid {keyword}")))?;
        let exclude = IgnoreFile::of_patterns(copy.exclude.iter().map(String::as_str))
            .map_err(|why| BuildError::invalid(format!("{keyword} --exclude: {why}")))?;
        let work = Work {
            keyword,
            copy,
            files: &files,
            destination: &destination,
            exclude: &exclude,
            owner: owner.as_deref(),
            fetched: false,
        };
        match copy.from.as_str() {
            "" => self.copy_context(&work),
            from => {
                let image = self
                    .job
                    .from(from, self.index, self.output)
                    .map_err(|error| error.within(format_args!("invalid from flag value {from}")))?;
                for source in &copy.sources {
                    paths::check_copied_from(source).map_err(|error| error.within(format_args!("{keyword} failed")))?;
                }
                self.copy_image(&work, &image)
            }
        }
    }

    fn copy_context(&mut self, work: &Work<'_>) -> Result<()> {
        if work.copy.sources.is_empty() {
            let hash = work.hash_of_files();
            return self.place(work, &hash, None, &[]);
        }
        if work.copy.sources.iter().any(|source| is_address(source)) {
            return self.add_from_web(work);
        }
        let Some(context) = self.job.context else {
            return Err(BuildError::invalid(format!("{} failed: missing build context", work.keyword)));
        };
        let origin = Origin { tree: context.tree(), ignore: context.ignore(), exclude: work.exclude, is_context: true };
        let sources = work.find(&origin)?;
        let mut hashes = Vec::with_capacity(sources.len());
        for source in &sources {
            hashes.push(origin.hash(source)?);
        }
        let hash = work.hash(hashes);
        self.place(work, &hash, Some(origin), &sources)
    }

    /// What is at addresses is fetched each time: only its content tells whether it is another one.
    fn add_from_web(&mut self, work: &Work<'_>) -> Result<()> {
        let failed = |error: BuildError| error.within(format_args!("{} failed", work.keyword));
        let directory = self.job.workshop.temporary_directory(false)?;
        let mut names = Vec::new();
        for address in &work.copy.sources {
            if !is_address(address) {
                return Err(failed(BuildError::invalid(
                    "files of the context and addresses cannot be added by one instruction: use one for each",
                )));
            }
            let name = file_name(address).ok_or_else(|| {
                failed(BuildError::invalid(format!("cannot determine filename for source {address}")))
            })?;
            let path = directory.path().join(&name);
            let known = self.job.workshop.download(address, &path, self.output, self.job.cancel).map_err(failed)?;
            let time = known.modified.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0);
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(time);
            std::fs::File::options()
                .write(true)
                .open(&path)
                .and_then(|file| file.set_modified(time))
                .map_err(BuildError::io("cannot keep a file that was fetched"))?;
            names.push(name);
        }
        let tree = crate::context::open(directory.path())?;
        let none = IgnoreFile::default();
        let origin = Origin { tree: &tree, ignore: &none, exclude: &none, is_context: false };
        let sources: Vec<Source> = names.into_iter().map(|path| Source { path, is_directory: false }).collect();
        let work = &Work { fetched: true, ..*work };
        work.check(&sources)?;
        let hashes = sources.iter().map(|source| origin.hash(source)).collect::<Result<Vec<_>>>()?;
        let hash = work.hash(hashes);
        self.place(work, &hash, Some(origin), &sources)
    }

    /// Files of another image are known by it and their paths, so that what was copied once is not even read again.
    fn copy_image(&mut self, work: &Work<'_>, image: &Snapshot) -> Result<()> {
        let parts = serde_json::json!([image.id.to_string(), work.copy.sources, work.copy.exclude]);
        let known_as = format!("path:{}", casement_nt::digest::hex(&Sha256::digest(parts.to_string().as_bytes())));
        if let Some(hash) = self.job.workshop.recall_hash(&known_as) {
            let step = self.copy_step(work, &hash);
            let key = self.key(&step);
            if self.taken_from_cache(&key, &step)? {
                return Ok(());
            }
        }
        let workshop = self.job.workshop;
        let request = self.request(image.clone(), String::new());
        let (container, _) = workshop.create(&request)?;
        let mut placed = Ok(());
        let read = workshop.with_files(&container, &mut |tree| {
            let none = IgnoreFile::default();
            let origin = Origin { tree, ignore: &none, exclude: work.exclude, is_context: false };
            let sources = work.find(&origin)?;
            let hashes = sources.iter().map(|source| origin.hash(source)).collect::<Result<Vec<_>>>()?;
            let hash = work.hash(hashes);
            workshop.remember_hash(&known_as, &hash)?;
            placed = self.place(work, &hash, Some(origin), &sources);
            Ok(())
        });
        let removed = workshop.remove(&container);
        read?;
        placed?;
        removed
    }

    fn copy_step(&self, work: &Work<'_>, hash: &str) -> Step {
        let owner = match work.copy.chown.as_str() {
            "" => String::new(),
            owner => format!("--chown={owner} "),
        };
        let destination = work.copy.destination.replace('/', "\\");
        let step = self.made_by(self.comment(&format!("{} {owner}{hash} in {destination} ", work.keyword)));
        Step { owner: work.owner.map(str::to_owned), ..step }
    }

    /// Makes the layer, unless the cache has it.
    fn place(&mut self, work: &Work<'_>, hash: &str, origin: Option<Origin<'_>>, sources: &[Source]) -> Result<()> {
        let step = self.copy_step(work, hash);
        let key = self.key(&step);
        if self.taken_from_cache(&key, &step)? {
            return Ok(());
        }
        let workshop = self.job.workshop;
        let request = self.request(self.snapshot.clone(), String::new());
        let (container, _) = workshop.create(&request)?;
        let made = workshop
            .with_files(&container, &mut |tree| {
                let none = IgnoreFile::default();
                let empty = Origin { tree, ignore: &none, exclude: &none, is_context: false };
                let copying = Copying {
                    origin: origin.unwrap_or(empty),
                    sources,
                    files: work.files,
                    destination: work.destination,
                    unpack: work.keyword == "ADD" && work.copy.unpack.unwrap_or(!work.fetched),
                    parents: work.copy.parents,
                    time: self.job.epoch.unwrap_or_else(|| jiff::Timestamp::now().as_second()),
                };
                copying.put_into(tree)
            })
            .and_then(|()| workshop.commit(&container, &self.snapshot, &step));
        let removed = workshop.remove(&container);
        self.made(&key, &step, made?)?;
        removed
    }

    /// The container of a step that begins with `image`.
    pub(crate) fn request(&self, image: Snapshot, command_line: String) -> Request {
        let settings = self.job.settings;
        Request {
            image,
            command_line,
            environment: self.config.env.clone(),
            user: self.config.user.clone(),
            work_directory: self.config.working_dir.clone(),
            memory: settings.memory,
            cpu_shares: settings.cpu_shares,
            network: settings.network.clone(),
            isolation: settings.isolation.clone(),
            extra_hosts: settings.extra_hosts.clone(),
            mounts: Vec::new(),
        }
    }

    /// Heredocs with their variables replaced.
    fn inline(&self, files: &[InlineFile]) -> Result<Vec<InlineFile>> {
        let mut done = Vec::with_capacity(files.len());
        for file in files {
            let text = file.text();
            let content = match file.expand {
                true => self.job.words.expand_text(&text, &self.variables())?,
                false => text,
            };
            done.push(InlineFile { content, chomp: false, ..file.clone() });
        }
        Ok(done)
    }
}

/// One instruction, prepared.
struct Work<'a> {
    keyword: &'a str,
    copy: &'a CopyFiles,
    files: &'a [InlineFile],
    destination: &'a Destination,
    exclude: &'a IgnoreFile,
    /// The SID of the owner.
    owner: Option<&'a str>,
    /// Whether the sources were fetched: archives of the web are not unpacked unless somebody says so.
    fetched: bool,
}

impl Work<'_> {
    fn find(&self, origin: &Origin<'_>) -> Result<Vec<Source>> {
        let mut sources = Vec::new();
        for written in &self.copy.sources {
            let found = origin.find(written).map_err(|error| error.within(format_args!("{} failed", self.keyword)))?;
            sources.extend(found);
        }
        self.check(&sources)?;
        Ok(sources)
    }

    /// Whether this many sources can go where they are to go.
    fn check(&self, sources: &[Source]) -> Result<()> {
        if sources.is_empty() && self.files.is_empty() {
            return Err(BuildError::invalid(format!("{} failed: no source files were specified", self.keyword)));
        }
        if sources.len() + self.files.len() > 1 && !self.destination.is_directory {
            return Err(BuildError::invalid(format!(
                "When using {} with more than one source file, the destination must be a directory and end with a /",
                self.keyword
            )));
        }
        Ok(())
    }

    fn hash(&self, mut hashes: Vec<String>) -> String {
        if !self.files.is_empty() {
            hashes.push(self.hash_of_files());
        }
        if !self.copy.exclude.is_empty() || self.copy.parents || self.copy.sources.iter().any(|s| Pattern::is_one(s)) {
            // Where files go depends on more than what they are.
            let shape = format!("{:?}{}{:?}", self.copy.exclude, self.copy.parents, self.copy.sources);
            hashes.push(casement_nt::digest::hex(&Sha256::digest(shape.as_bytes())));
        }
        joined(&hashes)
    }

    fn hash_of_files(&self) -> String {
        let mut hasher = Sha256::new();
        for file in self.files {
            for part in [&file.name, &file.content] {
                hasher.update((part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        format!("file:{}", casement_nt::digest::hex(&hasher.finalize()))
    }
}

/// The SID that `--chown` names: accounts that exist in every container have one.
fn owner(written: &str) -> Result<Option<String>> {
    if written.is_empty() {
        return Ok(None);
    }
    let known = ACCOUNTS.iter().find(|(name, _)| name.eq_ignore_ascii_case(written));
    let sid = known.map_or_else(|| written.to_uppercase(), |(_, sid)| (*sid).to_owned());
    if sid.starts_with("S-1-") && casement_layers::is_sid(&sid) {
        return Ok(Some(sid));
    }
    Err(BuildError::invalid(format!(
        "unable to map container user account name to SID: no account {written} in the container"
    )))
}

/// Whether a source is at an address of the web.
fn is_address(source: &str) -> bool {
    let lower = source.to_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

/// The name of the file at an address: the last part of its path.
fn file_name(address: &str) -> Option<String> {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let (_, path) = path.split_once("://")?.1.split_once('/')?;
    let name = path.rsplit('/').next().unwrap_or_default();
    casement_nt::path::is_file_name(name).then(|| name.to_owned())
}

fn check_address(keyword: &str, source: &str) -> Result<()> {
    let lower = source.to_lowercase();
    match keyword {
        "COPY" if is_address(source) => Err(BuildError::invalid("COPY failed: source can't be a URL for COPY")),
        _ if lower.starts_with("git@") || lower.starts_with("git://") => Err(BuildError::new(
            crate::error::ErrorKind::NotImplemented,
            format!("{keyword} failed: {source}: repositories cannot be added: clone it into the context"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_windows_names() {
        for (written, sid) in [
            ("ContainerUser", "S-1-5-93-2-2"),
            ("containeradministrator", "S-1-5-93-2-1"),
            ("s-1-5-93-2-1", "S-1-5-93-2-1"),
            ("BUILTIN\\Users", "S-1-5-32-545"),
        ] {
            assert_eq!(owner(written).unwrap().as_deref(), Some(sid), "{written}");
        }
        assert_eq!(owner("").unwrap(), None);
        for written in ["root", "1000:1000", "S-", "S-1-x", "BU", "é"] {
            assert!(owner(written).is_err(), "{written}");
        }
    }

    #[test]
    fn files_of_the_web_have_the_name_at_the_end_of_their_address() {
        for (address, name) in [
            ("http://h/a/b.zip", Some("b.zip")),
            ("https://h/b.zip?x=/y#/z", Some("b.zip")),
            ("http://h", None),
            ("http://h/", None),
            ("http://h/a/", None),
            ("http://h/..", None),
            ("http://h/a:b", None),
        ] {
            assert_eq!(file_name(address).as_deref(), name, "{address}");
        }
    }
}
