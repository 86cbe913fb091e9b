//! `docker commit`, `import`, `save` and `load`: images that are made here, or go to and come from archives.

use std::io::Read;
use std::path::Path;

use casement_builder::{apply_changes, set_variable};
use casement_layers::volume::UnionMount;
use casement_layers::{
    AfterCommit, CommitOptions, Image, ImageConfig, Import, Listing, LoadProgress, Loaded, Reference, Saving,
};
use jiff::Timestamp;

use crate::container::{Container, Status};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::model::{Config, Words};

/// What `docker commit` asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommitRequest {
    /// Name of the new image; none without one.
    pub repository: String,
    /// Its tag; `latest` when empty.
    pub tag: String,
    /// A remark.
    pub comment: String,
    /// Who made it.
    pub author: String,
    /// Instructions of a Dockerfile.
    pub changes: Vec<String>,
    /// What goes before the container's configuration.
    pub config: Config,
}

impl Engine {
    /// Makes an image of the changes of a container that does not run.
    ///
    /// # Errors
    /// In Docker's words when the container runs, is being removed, or the name or a change is none.
    pub fn commit(&self, key: &str, request: &CommitRequest) -> Result<Image> {
        let names = names(&request.repository, &request.tag)?;
        let entry = self.find(key)?;
        // Nobody starts it, or copies into it, meanwhile.
        let _volume = entry.sole_volume();
        let container = entry.container();
        match container.state.status {
            Status::Exited | Status::Created => {}
            Status::Dead => {
                return Err(Error::Conflict(format!("You cannot commit container {} which is Dead", entry.id)));
            }
            Status::Removing => {
                return Err(Error::Conflict(format!(
                    "You cannot commit container {} which is being removed",
                    entry.id
                )));
            }
            // Docker's words for every state in which it runs.
            _ => return Err(Error::Layers("windows does not support commit of a running container".to_owned())),
        }
        let parent = self.images.resolve(&container.image_id)?;
        let mut config = image_config(&container, &parent.config);
        lay_over(&mut config, &request.config);
        change(&mut config, &request.changes)?;
        let options = CommitOptions {
            config,
            listing: Listing::Named(names.clone()),
            created_by: container.process.command_line.clone(),
            comment: request.comment.clone(),
            author: request.author.clone(),
            created: Timestamp::now(),
            latest: None,
            owner: None,
            mounted: Vec::new(),
            scratch: AfterCommit::Kept,
        };
        let storage = container.document.container.as_ref().and_then(|described| described.storage.as_ref());
        let union = storage.map(|storage| UnionMount::new(&[], Path::new(&storage.path)));
        let image = match union.is_some_and(|union| union.disk().is_some()) {
            // Only who has it mounted sees what is on it.
            true => {
                let volume = self.compute.open_volume(&container)?;
                self.images.commit(&entry.id, Some(volume.changes_directory()), &parent, &options)?
            }
            false => self.images.commit(&entry.id, None, &parent, &options)?,
        };
        let name = names.first().cloned().unwrap_or_default();
        let further = [("comment", request.comment.clone()), ("imageID", image.id.to_string()), ("imageRef", name)];
        self.tell_with(&container, "commit", further);
        Ok(image)
    }

    /// Makes an image of one layer out of an archive. `import.names` are made of `repository` and `tag`.
    ///
    /// # Errors
    /// When the archive is no layer of Windows, or the name or a change is none.
    pub fn import(
        &self,
        repository: &str,
        tag: &str,
        changes: &[String],
        comment: &str,
        archive: &mut dyn Read,
    ) -> Result<Image> {
        let mut config = ImageConfig::default();
        change(&mut config, changes)?;
        let import =
            Import { config, names: names(repository, tag)?, comment: comment.to_owned(), created: Timestamp::now() };
        let image = self.images.import(archive, &import)?;
        self.tell_of_image("import", &image, &image.id.to_string());
        Ok(image)
    }

    /// Finds images to save.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`]
    pub fn saving(&self, names: &[String]) -> Result<Saving> {
        let saving = self.images.saving(names)?;
        for (image, names) in saving.images() {
            self.tell_of_image("save", image, names.first().unwrap_or(&image.id.to_string()));
        }
        Ok(saving)
    }

    /// Takes in the images of an archive.
    ///
    /// # Errors
    /// When it has none for Windows, or is damaged.
    pub fn load(&self, archive: &mut dyn Read, progress: &mut (dyn FnMut(LoadProgress) + Send)) -> Result<Vec<Loaded>> {
        let loaded = self.images.load(archive, progress)?;
        for loaded in &loaded {
            if let Ok(image) = self.images.resolve(&loaded.id.to_string()) {
                self.tell_of_image("load", &image, loaded.names.first().unwrap_or(&loaded.id.to_string()));
            }
        }
        Ok(loaded)
    }
}

/// The name of a new image with its tag, if it has one.
fn names(repository: &str, tag: &str) -> Result<Vec<String>> {
    if repository.is_empty() {
        return Ok(Vec::new());
    }
    let text = if tag.is_empty() { repository.to_owned() } else { format!("{repository}:{tag}") };
    let reference =
        Reference::parse(&text).map_err(|_| Error::InvalidParameter("invalid reference format".to_owned()))?;
    if reference.digest().is_some() {
        return Err(Error::InvalidParameter("refusing to create a tag with a digest reference".to_owned()));
    }
    Ok(vec![format!("{}:{}", reference.repository(), reference.tag().unwrap_or("latest"))])
}

/// Changes a configuration as the instructions of a `--change` say.
fn change(config: &mut ImageConfig, changes: &[String]) -> Result<()> {
    apply_changes(config, changes).map_err(|e| Error::InvalidParameter(e.message))
}

/// How a container runs, as the configuration of an image.
fn image_config(container: &Container, parent: &ImageConfig) -> ImageConfig {
    let mut config = ImageConfig { env: parent.env.clone(), others: parent.others.clone(), ..ImageConfig::default() };
    lay_over(&mut config, &container.config);
    config.args_escaped = container.config.args_escaped;
    config.on_build = parent.on_build.clone();
    config
}

/// What a configuration says goes before what is there.
fn lay_over(config: &mut ImageConfig, over: &Config) {
    for variable in over.env.iter().flatten() {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        set_variable(&mut config.env, name, value);
    }
    let words = |to: &mut Vec<String>, from: &Option<Words>| {
        if let Some(words) = from.as_ref().filter(|words| !words.is_empty()) {
            *to = words.0.clone();
        }
    };
    words(&mut config.cmd, &over.cmd);
    words(&mut config.entrypoint, &over.entrypoint);
    words(&mut config.shell, &over.shell);
    for (to, from) in [
        (&mut config.user, &over.user),
        (&mut config.working_dir, &over.working_dir),
        (&mut config.stop_signal, &over.stop_signal),
    ] {
        if !from.is_empty() {
            to.clone_from(from);
        }
    }
    config.labels.extend(over.labels.clone());
    config.exposed_ports.extend(over.exposed_ports.clone());
    config.volumes.extend(over.volumes.clone().into_iter().flatten());
    if let Some(check) = over.healthcheck.as_ref().filter(|check| !check.test.is_empty()) {
        config.healthcheck = Some(check.clone());
    }
}
