//! Contexts that the daemon fetches: `docker build https://…` and `docker build https://….git#branch:directory`.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use casement_builder::{BuildError, Cancel, Context, ErrorKind, MAX_DOCKERFILE, Output};
use casement_registry::Distance;
use rustix::process::{Pid, Signal, kill_process_group};
use url::Url;

use super::outside::{Outside, Shown, failed};

/// Most bytes of what git says that are kept for an error.
const MAX_SAID: u64 = 16 << 10;
/// Where the mark of a tar archive is, and what it is (POSIX.1, pax).
const TAR_MARK: (usize, &[u8]) = (257, b"ustar");
/// Bytes by which an archive is told from a Dockerfile.
const SNIFFED: usize = 512;

/// What a client names as its context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remote {
    /// An archive, or a Dockerfile alone.
    Web(Url),
    /// A repository.
    Git {
        /// Where it is.
        repository: Url,
        /// Branch, tag or commit; empty for the default branch.
        reference: String,
        /// The directory in it that is the context; empty for all of it.
        directory: String,
    },
}

/// What was fetched.
pub struct Fetched {
    /// The context; none if only a Dockerfile was fetched.
    pub context: Option<Context>,
    /// The Dockerfile, if there is no context to take it from.
    pub dockerfile: Option<Vec<u8>>,
    /// Where it came from.
    pub distance: Distance,
}

impl Remote {
    /// Reads what Docker's clients send as `remote`; `None` when the context comes with the request.
    ///
    /// # Errors
    /// In Docker's words when it is nothing to build from.
    pub fn parse(text: &str) -> Result<Option<Self>, BuildError> {
        if text.is_empty() {
            return Ok(None);
        }
        if text == "client-session" {
            return Err(BuildError::invalid(
                "experimental session with v1 builder is no longer supported, use builder version v2 (BuildKit) instead",
            ));
        }
        let lower = text.to_ascii_lowercase();
        let (address, fragment) = text.split_once('#').unwrap_or((text, ""));
        if lower.starts_with("git@") || lower.starts_with("ssh://") {
            return Err(BuildError::new(
                ErrorKind::NotImplemented,
                format!(
                    "cannot build from {address}: the daemon has no keys of ssh: clone it and build from the directory"
                ),
            ));
        }
        let is_web = lower.starts_with("http://") || lower.starts_with("https://");
        let is_git = is_web && address.to_ascii_lowercase().ends_with(".git")
            || lower.starts_with("git://")
            || lower.starts_with("github.com/");
        let unknown = || BuildError::internal(format!("remoteURL ({text}) could not be recognized as URL"));
        if !is_web && !is_git {
            return Err(unknown());
        }
        let address = if lower.starts_with("github.com/") { format!("https://{address}") } else { address.to_owned() };
        let url = Url::parse(&address).map_err(|_| unknown())?;
        if !is_git {
            return Ok(Some(Self::Web(url)));
        }
        let (reference, directory) = fragment.split_once(':').unwrap_or((fragment, ""));
        if reference.starts_with('-') || reference.contains(|c: char| c.is_control() || c == ' ') {
            return Err(BuildError::invalid(format!("invalid git reference: {reference:?}")));
        }
        Ok(Some(Self::Git { repository: url, reference: reference.to_owned(), directory: directory.to_owned() }))
    }

    /// Fetches it into an empty directory.
    ///
    /// # Errors
    /// When it cannot be reached, leads where it may not, or is nothing to build from.
    pub fn fetch(
        &self,
        directory: tempfile::TempDir,
        outside: &Outside,
        output: &dyn Output,
        cancel: &Cancel,
    ) -> Result<Fetched, BuildError> {
        match self {
            Self::Web(address) => web(address, directory, outside, output, cancel),
            Self::Git { repository, reference, directory: below } => {
                let address = outside.distribution()?.web_host(repository, outside.reach()).map_err(failed)?;
                let place = directory.path().to_owned();
                Git { place: &place, repository, address, cancel }.check_out(reference)?;
                let context = Context::of_files(directory, below)?;
                Ok(Fetched { context: Some(context), dockerfile: None, distance: Distance::of(address.ip()) })
            }
        }
    }
}

fn web(
    address: &Url,
    directory: tempfile::TempDir,
    outside: &Outside,
    output: &dyn Output,
    cancel: &Cancel,
) -> Result<Fetched, BuildError> {
    let mut file = outside.distribution()?.web(address.as_str(), outside.reach()).map_err(failed)?;
    let (distance, kind) = (file.distance(), file.content_type());
    let action = "Downloading context";
    let mut content = BufReader::with_capacity(1 << 16, Shown { file: &mut file, next: 0, action, output, cancel });
    let broke = |error: std::io::Error| match cancel.is_set() {
        true => BuildError::cancelled(),
        false => BuildError::internal(format!("cannot fetch {address}: {error}")),
    };
    // What a server says of a file is often no more than a guess by its name.
    if is_archive(sniffed(&mut content).map_err(broke)?) {
        let context = Context::receive(directory, content)?;
        return Ok(Fetched { context: Some(context), dockerfile: None, distance });
    }
    let mut text = Vec::new();
    content.take(MAX_DOCKERFILE as u64 + 1).read_to_end(&mut text).map_err(broke)?;
    let is_text = std::str::from_utf8(&text).is_ok_and(|text| !text.contains('\0'));
    if !is_text || !(kind.is_empty() || kind.starts_with("text/") || kind == "application/octet-stream") {
        return Err(BuildError::invalid(format!("unsupported Content-Type \"{kind}\"")));
    }
    if text.len() > MAX_DOCKERFILE {
        return Err(BuildError::invalid(format!("the Dockerfile at {address} is larger than {MAX_DOCKERFILE} bytes")));
    }
    Ok(Fetched { context: None, dockerfile: Some(text), distance })
}

/// The first bytes, as many as it takes to know a tar archive by.
fn sniffed(content: &mut BufReader<impl Read>) -> std::io::Result<&[u8]> {
    // One read of a large buffer has them all, unless the file is shorter or comes in small pieces.
    let start = content.fill_buf()?;
    Ok(&start[..start.len().min(SNIFFED)])
}

fn is_archive(start: &[u8]) -> bool {
    let (at, mark) = TAR_MARK;
    let packed = [&[0x1f, 0x8b][..], b"BZh", &[0xfd, b'7', b'z', b'X', b'Z', 0], &[0x28, 0xb5, 0x2f, 0xfd]];
    start.get(at..).is_some_and(|rest| rest.starts_with(mark)) || packed.iter().any(|magic| start.starts_with(magic))
}

/// A repository that is being checked out by the host's git.
struct Git<'a> {
    place: &'a Path,
    repository: &'a Url,
    /// The address that was checked, which is the one that git connects to.
    address: std::net::SocketAddr,
    cancel: &'a Cancel,
}

impl Git<'_> {
    /// Fetches one commit and checks it out; nothing of git is left in the directory.
    fn check_out(&self, reference: &str) -> Result<(), BuildError> {
        let reference = if reference.is_empty() { "HEAD" } else { reference };
        self.run(&["init", "--quiet", "--template="])?;
        let repository = match self.repository.scheme() {
            // Only the names of http can be told to be at an address.
            "git" => {
                let mut at = self.repository.clone();
                let _ = at.set_ip_host(self.address.ip());
                at
            }
            _ => self.repository.clone(),
        };
        let fetch = ["fetch", "--quiet", "--no-recurse-submodules"];
        let repository = repository.as_str();
        let one = [&fetch[..], &["--no-tags", "--depth=1", "--", repository, reference]].concat();
        let wanted = match self.run(&one) {
            Ok(()) => vec!["FETCH_HEAD".to_owned()],
            Err(_) if self.cancel.is_set() => return Err(BuildError::cancelled()),
            // Servers of plain files send no part of a history, and others no commit by its number.
            Err(error) => {
                let all = [
                    "--",
                    repository,
                    "+HEAD:refs/fetched/HEAD",
                    "+refs/heads/*:refs/fetched/*",
                    "+refs/tags/*:refs/tags/*",
                ];
                if self.run(&[&fetch[..], &all].concat()).is_err() {
                    return Err(error);
                }
                let by_number = reference.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| reference.to_owned());
                let by_name = [format!("refs/fetched/{reference}"), format!("refs/tags/{reference}")];
                by_name.into_iter().chain(by_number).collect()
            }
        };
        let check_out = ["-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach"];
        let mut last = Ok(());
        for name in &wanted {
            last = self.run(&[&check_out[..], &[name.as_str()]].concat());
            if last.is_ok() {
                break;
            }
        }
        last.map_err(|error| error.within(format_args!("there is no {reference}")))?;
        let inside = |name: &str| self.place.join(name);
        if fs::symlink_metadata(inside(".gitmodules")).is_ok() {
            return Err(BuildError::new(
                ErrorKind::NotImplemented,
                format!(
                    "{} has submodules, which are not fetched: clone it with them and build from the directory",
                    self.repository
                ),
            ));
        }
        fs::remove_dir_all(inside(".git")).map_err(BuildError::io("cannot remove what git left"))
    }

    fn run(&self, words: &[&str]) -> Result<(), BuildError> {
        let host = self.repository.host_str().unwrap_or_default();
        let pinned = format!("http.curloptResolve={host}:{}:{}", self.address.port(), self.address.ip());
        let mut command = Command::new("git");
        command.current_dir(self.place).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        for (name, value) in [
            ("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()).as_os_str()),
            // Nothing of this host's, and of the repository only what is needed of it.
            ("HOME", OsStr::new("/nonexistent")),
            ("GIT_CONFIG_NOSYSTEM", OsStr::new("1")),
            ("GIT_CONFIG_GLOBAL", OsStr::new("/dev/null")),
            ("GIT_TERMINAL_PROMPT", OsStr::new("0")),
            ("GIT_ALLOW_PROTOCOL", OsStr::new("http:https:git")),
            ("GIT_LFS_SKIP_SMUDGE", OsStr::new("1")),
            ("LC_ALL", OsStr::new("C")),
        ] {
            command.env(name, value);
        }
        for setting in [
            pinned.as_str(),
            "http.followRedirects=false",
            "http.lowSpeedLimit=1000",
            "http.lowSpeedTime=60",
            "core.hooksPath=/dev/null",
            "core.fsmonitor=false",
            "core.protectNTFS=true",
            "safe.directory=*",
        ] {
            command.args(["-c", setting]);
        }
        command.args(words).process_group(0);
        let child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => BuildError::new(
                ErrorKind::NotImplemented,
                format!("cannot build from {}: there is no git on the daemon's host: install it, or clone the repository and build from the directory", self.repository),
            ),
            _ => BuildError::internal(format!("cannot start git: {error}")),
        })?;
        self.end_of(child, words)
    }

    fn end_of(&self, mut child: Child, words: &[&str]) -> Result<(), BuildError> {
        let said = child.stderr.take();
        let child = Arc::new(Mutex::new(child));
        let ended = {
            let child = child.clone();
            self.cancel.on_set(move || {
                let child = child.lock().unwrap_or_else(PoisonError::into_inner);
                // Not waited for yet, so that the number is still its own.
                if let Some(group) = Pid::from_raw(child.id().cast_signed()) {
                    let _ = kill_process_group(group, Signal::KILL);
                }
            })
        };
        let mut text = Vec::new();
        if let Some(said) = said {
            let mut said = said.take(MAX_SAID);
            let _ = said.read_to_end(&mut text);
            let _ = std::io::copy(&mut said.into_inner(), &mut std::io::sink());
        }
        drop(ended);
        let status = child.lock().unwrap_or_else(PoisonError::into_inner).wait();
        if self.cancel.is_set() {
            return Err(BuildError::cancelled());
        }
        match status {
            Ok(status) if status.success() => Ok(()),
            _ => {
                let verb = words.iter().find(|word| !word.starts_with('-') && !word.contains('=')).unwrap_or(&"");
                let said = String::from_utf8_lossy(&text);
                let text = format!("git {verb} of {} failed: {}", self.repository, said.trim());
                Err(BuildError::internal(text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_told_by_their_addresses() {
        let parse = |text: &str| Remote::parse(text).unwrap();
        let git = |repository: &str, reference: &str, directory: &str| {
            let repository = repository.parse().unwrap();
            Some(Remote::Git { repository, reference: reference.to_owned(), directory: directory.to_owned() })
        };
        assert_eq!(parse(""), None);
        assert_eq!(parse("http://h/a.tar.gz"), Some(Remote::Web("http://h/a.tar.gz".parse().unwrap())));
        assert_eq!(parse("https://h/a.git"), git("https://h/a.git", "", ""));
        assert_eq!(parse("https://h/a.git#main:sub/dir"), git("https://h/a.git", "main", "sub/dir"));
        assert_eq!(parse("https://h/a.git#:sub"), git("https://h/a.git", "", "sub"));
        assert_eq!(parse("github.com/o/r"), git("https://github.com/o/r", "", ""));
        assert_eq!(parse("git://h/a"), git("git://h/a", "", ""));
        for text in [
            "client-session",
            "git@h:a.git",
            "ssh://h/a.git",
            "file:///etc",
            "/etc",
            "https://h/a.git#--upload-pack=x",
            "https://",
        ] {
            assert!(Remote::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn archives_are_told_by_their_first_bytes() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert!(
            is_archive(&tar) && is_archive(&[0x1f, 0x8b, 8]) && !is_archive(b"FROM nanoserver\n") && !is_archive(b"")
        );
    }
}
