//! `RUN` and `WORKDIR`: steps with a container.

use crate::configuration;
use crate::context;
use crate::copy_sources::Origin;
use crate::error::{BuildError, ErrorKind, Result};
use crate::paths;
use crate::stage::Building;
use crate::workshop::{Mount, MountSource, Request};
use casement_dockerfile::ignore::IgnoreFile;
use casement_dockerfile::{CommandLine, MountKind, Run, RunMount, Sharing};
use casement_layers::volume::{Found, Overwrite, VolumePath, VolumeTree};
use casement_nt::command_line;
use std::path::Path;

/// Where secrets are when a mount does not say.
const SECRETS: &str = r"C:\ProgramData\Docker\secrets";
/// Where the script of a heredoc is.
const SCRIPTS: &str = r"C:\ProgramData\Docker\build";

/// What a step needs while it runs.
#[derive(Default)]
struct Prepared {
    mounts: Vec<Mount>,
    /// Directories that go with the step.
    directories: Vec<tempfile::TempDir>,
}

impl Building<'_> {
    pub(crate) fn run(&mut self, run: &Run) -> Result<()> {
        if !run.security.is_empty() && run.security != "sandbox" {
            return Err(BuildError::invalid("--security=insecure is not supported for Windows containers"));
        }
        let shell = configuration::shell(&self.config).join(" ");
        let script = self.script(run)?;
        let (words, line) = match (&run.line, &script) {
            (CommandLine::Empty, _) => (Vec::new(), String::new()),
            (CommandLine::Exec(words), _) => (words.clone(), command_line::join(words)),
            (CommandLine::Shell(text), None) => (vec![format!("{shell} {text}")], format!("{shell} {text}")),
            (CommandLine::Shell(text), Some(script)) => {
                (vec![format!("{shell} {text}\n{}", script.content)], format!("{shell} {SCRIPTS}\\{}", script.name))
            }
        };
        let arguments = self.arguments.beside(&self.config.env);
        let mut created_by = words.join(" ");
        let counted: Vec<String> = arguments
            .iter()
            .filter(|text| self.arguments.counts(text.split('=').next().unwrap_or_default()))
            .cloned()
            .collect();
        if !arguments.is_empty() {
            created_by = format!("|{} {} {created_by}", counted.len(), counted.join(" "));
        }
        let mounts = run.mounts.iter().map(|text| RunMount::parse(text)).collect::<Result<Vec<_>, _>>();
        let mounts = mounts.map_err(BuildError::invalid)?;
        for mount in &run.mounts {
            // Part of what the step is, as the same command may see something else.
            created_by = format!("{created_by} # --mount={mount}");
        }
        let network = match run.network.as_str() {
            "" | "default" => self.job.settings.network.clone(),
            "none" => "none".to_owned(),
            "host" => return Err(BuildError::invalid("RUN --network=host is not supported for Windows containers")),
            other => return Err(BuildError::invalid(format!("invalid network mode: \"{other}\""))),
        };
        let step = self.made_by(created_by);
        let mut key = self.key(&step);
        for from in mounts.iter().filter(|mount| mount.kind == MountKind::Bind) {
            key = format!("{key}+{}", self.bound_hash(from)?);
        }
        if self.taken_from_cache(&key, &step)? {
            return Ok(());
        }
        if line.is_empty() {
            return Err(BuildError::invalid("No command specified"));
        }
        let mut prepared = Prepared::default();
        for mount in &mounts {
            self.prepare(mount, &mut prepared)?;
        }
        if let Some(script) = &script {
            script.write(self.job.workshop.temporary_directory(false)?, &mut prepared)?;
        }
        let mut request = Request { network, ..self.request(self.snapshot.clone(), line) };
        request.environment.extend(arguments);
        request.mounts = prepared.mounts;
        let container = self.container(&request)?;
        let code = self.job.workshop.run(&container, self.output, self.job.cancel)?;
        if code != 0 {
            let words = words.join(" ");
            let message = format!("The command '{words}' returned a non-zero code: {code}");
            return Err(BuildError::new(ErrorKind::Exit(code), message));
        }
        let snapshot = self.job.workshop.commit(&container, &self.snapshot, &step)?;
        self.made(&key, &step, snapshot)
    }

    pub(crate) fn work_directory(&mut self, path: &str) -> Result<()> {
        self.config.working_dir = paths::work_directory(&self.config.working_dir, path)?;
        let directory = self.config.working_dir.clone();
        let step = self.made_by(self.comment(&format!("WORKDIR {directory}")));
        let key = self.key(&step);
        if self.taken_from_cache(&key, &step)? {
            return Ok(());
        }
        let request = Request { work_directory: String::new(), ..self.request(self.snapshot.clone(), String::new()) };
        let container = self.container(&request)?;
        let time = self.job.epoch.unwrap_or_else(|| jiff::Timestamp::now().as_second());
        self.job.workshop.with_files(&container, &mut |tree| make_directory(tree, &directory, time))?;
        let snapshot = self.job.workshop.commit(&container, &self.snapshot, &step)?;
        self.made(&key, &step, snapshot)
    }

    /// A container that the client is told of.
    fn container(&mut self, request: &Request) -> Result<String> {
        let (container, warnings) = self.job.workshop.create(request)?;
        self.containers.push(container.clone());
        for warning in warnings {
            self.output.line(format_args!(" ---> [Warning] {warning}"))?;
        }
        let short: String = container.chars().take(12).collect();
        self.output.line(format_args!(" ---> Running in {short}"))?;
        Ok(container)
    }

    /// The one heredoc that is the whole command.
    fn script(&self, run: &Run) -> Result<Option<Script>> {
        match (run.files.as_slice(), &run.line) {
            ([], _) => Ok(None),
            ([file], CommandLine::Shell(text)) if text.trim_start().starts_with("<<") && !text.contains(' ') => {
                let lines = file.text().replace("\r\n", "\n").replace('\n', "\r\n");
                let is_powershell = configuration::shell(&self.config)
                    .first()
                    .is_some_and(|shell| shell.to_lowercase().contains("powershell"));
                let (name, content) = match is_powershell {
                    true => ("step.ps1", lines),
                    false => ("step.cmd", format!("@echo off\r\n{lines}")),
                };
                Ok(Some(Script { name, content }))
            }
            _ => Err(BuildError::invalid(
                "RUN with a heredoc: the heredoc has to be the whole command (RUN <<EOF), as it becomes a script for the shell",
            )),
        }
    }

    fn prepare(&self, mount: &RunMount, prepared: &mut Prepared) -> Result<()> {
        let target = |default: &str| -> Result<String> {
            let written = if mount.target.is_empty() { default } else { &mount.target };
            let path = paths::destination(&self.config.working_dir, written)?.path;
            if path == "\\" {
                return Err(BuildError::invalid("invalid mount target: the root of drive C: cannot be mounted on"));
            }
            Ok(format!("C:{path}"))
        };
        let workshop = self.job.workshop;
        match mount.kind {
            MountKind::Ssh => Err(BuildError::new(
                ErrorKind::NotImplemented,
                "RUN --mount=type=ssh is not implemented by this version of Casement",
            )),
            MountKind::Secret => self.prepare_secret(mount, prepared),
            MountKind::Tmpfs => {
                let directory = workshop.temporary_directory(true)?;
                prepared.mounts.push(Mount {
                    target: target("")?,
                    source: MountSource::Directory(directory.path().to_owned()),
                    read_only: false,
                });
                prepared.directories.push(directory);
                Ok(())
            }
            MountKind::Cache => {
                let target = target("")?;
                let name = if mount.id.is_empty() { target.to_lowercase() } else { mount.id.clone() };
                let directory = match mount.sharing {
                    Sharing::Shared | Sharing::Locked => workshop.cache_directory(&name)?,
                    Sharing::Private => {
                        let own = workshop.temporary_directory(false)?;
                        let path = own.path().to_owned();
                        prepared.directories.push(own);
                        path
                    }
                };
                let source = MountSource::Directory(directory);
                prepared.mounts.push(Mount { target, source, read_only: mount.read_only });
                Ok(())
            }
            MountKind::Bind => {
                let target = target("")?;
                let directory = workshop.temporary_directory(false)?;
                self.with_bound(mount, &mut |origin| fill(&origin, &mount.source, directory.path()))?;
                prepared.mounts.push(Mount {
                    target,
                    source: MountSource::Directory(directory.path().to_owned()),
                    read_only: mount.read_only,
                });
                prepared.directories.push(directory);
                Ok(())
            }
        }
    }

    fn prepare_secret(&self, mount: &RunMount, prepared: &mut Prepared) -> Result<()> {
        let last = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        let id = [mount.id.as_str(), mount.source.as_str()].into_iter().find(|id| !id.is_empty());
        let id = id.map_or_else(|| last(&mount.target), str::to_owned);
        let Some(secret) = self.job.settings.secrets.get(&id) else {
            return match mount.required {
                true => Err(BuildError::invalid(format!(
                    "secret {id}: not found: give it with `casement build --secret id={id},src=FILE`"
                ))),
                false => Ok(()),
            };
        };
        if mount.env.is_some() {
            // Variables are in the container's record, which is on the disk.
            return Err(BuildError::new(
                ErrorKind::NotImplemented,
                format!(
                    "secret {id}: env= is not implemented by this version of Casement, as variables of containers are kept on disk: read the file {SECRETS}\\{id} instead"
                ),
            ));
        }
        let written = if mount.target.is_empty() { format!("{SECRETS}\\{id}") } else { mount.target.clone() };
        let path = paths::destination(&self.config.working_dir, &written)?.path;
        let (above, name) = path.rsplit_once('\\').unwrap_or(("", &path));
        if above.is_empty() || name.is_empty() || !casement_nt::path::is_file_name(name) {
            return Err(BuildError::invalid(format!(
                "secret {id}: target {written} has to be a file in a directory, which hides the image's directory of that name"
            )));
        }
        let target = format!("C:{above}");
        let known = prepared.mounts.iter().find(|known| known.target.eq_ignore_ascii_case(&target));
        let directory = match known {
            Some(Mount { source: MountSource::Directory(path), .. }) => path.clone(),
            None => {
                let directory = self.job.workshop.temporary_directory(true)?;
                let path = directory.path().to_owned();
                let source = MountSource::Directory(path.clone());
                prepared.mounts.push(Mount { target, source, read_only: true });
                prepared.directories.push(directory);
                path
            }
        };
        write_file(&directory.join(name), &secret.0)
    }

    /// What a bind mount shows, for the cache.
    fn bound_hash(&self, mount: &RunMount) -> Result<String> {
        let mut hash = String::new();
        self.with_bound(mount, &mut |origin| {
            for source in origin.find(source_or_all(&mount.source))? {
                hash.push_str(&origin.hash(&source)?);
            }
            Ok(())
        })?;
        Ok(hash)
    }

    fn with_bound(&self, mount: &RunMount, work: &mut dyn FnMut(Origin<'_>) -> Result<()>) -> Result<()> {
        let none = IgnoreFile::default();
        if mount.from.is_empty() {
            let context =
                self.job.context.ok_or_else(|| BuildError::invalid("RUN --mount=type=bind: missing build context"))?;
            return work(Origin { tree: context.tree(), ignore: context.ignore(), exclude: &none, is_context: true });
        }
        let image = self.job.from(&mount.from, self.index, self.output)?;
        paths::check_copied_from(source_or_all(&mount.source))?;
        let (container, _) = self.job.workshop.create(&self.request(image, String::new()))?;
        let done = self.job.workshop.with_files(&container, &mut |tree| {
            work(Origin { tree, ignore: &none, exclude: &none, is_context: false })
        });
        let removed = self.job.workshop.remove(&container);
        done?;
        removed
    }
}

fn source_or_all(source: &str) -> &str {
    if source.is_empty() { "." } else { source }
}

/// A file that a shell runs.
struct Script {
    name: &'static str,
    content: String,
}

impl Script {
    fn write(&self, directory: tempfile::TempDir, prepared: &mut Prepared) -> Result<()> {
        write_file(&directory.path().join(self.name), self.content.as_bytes())?;
        let source = MountSource::Directory(directory.path().to_owned());
        prepared.mounts.push(Mount { target: SCRIPTS.to_owned(), source, read_only: true });
        prepared.directories.push(directory);
        Ok(())
    }
}

fn write_file(path: &Path, content: &[u8]) -> Result<()> {
    std::fs::write(path, content).map_err(BuildError::io("cannot write a file for the step"))
}

/// Copies what a bind mount shows into an empty directory of the host.
fn fill(origin: &Origin<'_>, source: &str, directory: &Path) -> Result<()> {
    let target = context::open(directory)?;
    let mut sources = origin.find(source_or_all(source))?;
    let Some(source) = sources.pop().filter(|source| source.is_directory) else {
        return Err(BuildError::invalid(format!(
            "RUN --mount=type=bind: {source} is not a directory: only directories can be mounted on Windows"
        )));
    };
    let destination = paths::Destination { path: "\\".to_owned(), is_directory: true };
    let copying = crate::copy_write::Copying {
        origin: *origin,
        sources: &[source],
        files: &[],
        destination: &destination,
        unpack: false,
        parents: false,
        time: 0,
    };
    copying.put_into(&target)
}

/// Makes a directory and those above it that are missing.
fn make_directory(tree: &VolumeTree, path: &str, time: i64) -> Result<()> {
    let path = VolumePath::parse(path)?;
    let mut is_file = false;
    let found = tree.visit(&path, &mut |visited| {
        is_file = !matches!(visited.found, Found::Directory);
        Ok(casement_layers::volume::Visit::Past)
    });
    if found.is_ok() {
        return match is_file {
            true => Err(BuildError::internal(format!("cannot mkdir: {path} is not a directory"))),
            false => Ok(()),
        };
    }
    let mut archive = tar::Builder::new(Vec::new());
    let mut name = String::new();
    for component in path.components() {
        name = if name.is_empty() { component.clone() } else { format!("{name}/{component}") };
        let exists =
            tree.visit(&VolumePath::parse(&format!("/{name}"))?, &mut |_| Ok(casement_layers::volume::Visit::Past));
        if exists.is_ok() {
            continue;
        }
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        header.set_mode(0o755);
        header.set_mtime(u64::try_from(time).unwrap_or(0));
        let append = archive.append_pax_extensions([("path", name.as_bytes())]).and_then(|()| {
            header.set_cksum();
            archive.append(&header, std::io::empty())
        });
        append.map_err(BuildError::io("cannot make a directory"))?;
    }
    let archive = archive.into_inner().map_err(BuildError::io("cannot make a directory"))?;
    Ok(tree.unpack(&VolumePath::parse("/")?, archive.as_slice(), Overwrite::SameKind)?)
}
