//! All mounts of a container: those of other containers, short and long forms, and the volumes that its image wants.

use std::collections::BTreeMap;

use casement_layers::Image;
use casement_nt::NtPath;

use super::{Source, Wanted, target};
use crate::container::ContainerSettings;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::model::{MountPoint, MountType};
use crate::volumes::{NewVolume, check_driver};

/// The mounts of a new container, by their place without regard to case.
#[derive(Default)]
struct Places(BTreeMap<String, (NtPath, MountPoint)>);

fn key(path: &NtPath) -> String {
    path.to_string().to_lowercase()
}

impl Engine {
    /// Plans the mounts of a new container and makes the volumes that it wants and that do not exist. The caller holds the turn of
    /// volumes until the container is in the store. Also returns the names of the anonymous volumes that were made.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] in Docker's words; no anonymous volume is left then.
    pub(crate) fn plan_mounts(
        &self,
        settings: &ContainerSettings,
        image: &Image,
    ) -> Result<(Vec<MountPoint>, Vec<String>)> {
        self.plan_all_mounts(settings, image).map_err(|error| match error {
            // Whatever is not found when a container is created, clients take for its image and try to pull that.
            Error::NotFound(text) => Error::InvalidParameter(text),
            Error::NoSuchContainer(_) => Error::InvalidParameter(error.to_string()),
            other => other,
        })
    }

    fn plan_all_mounts(&self, settings: &ContainerSettings, image: &Image) -> Result<(Vec<MountPoint>, Vec<String>)> {
        let host = &settings.host_config;
        let mut places = Places::default();
        for text in host.volumes_from.iter().flatten() {
            for mount in self.mounts_of(text)? {
                let path = target(&mount.destination)?;
                places.0.insert(key(&path), (path, mount));
            }
        }
        // Everything is checked before the first volume is made.
        let mut asked = Vec::new();
        for text in host.binds.iter().flatten() {
            let wanted: Wanted = text.parse()?;
            // A driver that no volume needs does no harm.
            if !matches!(wanted.source, Source::Directory(_)) {
                check_driver(&host.volume_driver)?;
            }
            asked.push(wanted);
        }
        for mount in host.mounts.iter().flatten() {
            asked.push(Wanted::try_from(mount)?);
        }
        let mut taken = BTreeMap::new();
        for wanted in &asked {
            if taken.insert(key(&wanted.target), ()).is_some() {
                return Err(Error::InvalidParameter(format!("Duplicate mount point: {}", wanted.target)));
            }
        }
        for text in image.config.volumes.keys().chain(settings.config.volumes.iter().flatten().map(|(path, _)| path)) {
            let target = target(text)?;
            let known = taken.insert(key(&target), ()).is_some() || places.0.contains_key(&key(&target));
            if !known {
                check_driver(&host.volume_driver)?;
                asked.push(Wanted { source: Source::Anonymous, target, read_only: false, mode: String::new() });
            }
        }
        let mut made = Vec::new();
        for wanted in asked {
            match self.mount_point(&wanted, &mut made) {
                Ok(mount) => drop(places.0.insert(key(&wanted.target), (wanted.target, mount))),
                Err(error) => {
                    self.forget_volumes(&made);
                    return Err(error);
                }
            }
        }
        // What lies in another mount has to come after it.
        let mut mounts: Vec<_> = places.0.into_values().collect();
        mounts.sort_by_key(|(path, _)| path.components().count());
        Ok((mounts.into_iter().map(|(_, mount)| mount).collect(), made))
    }

    /// The mounts of another container: `name[:ro|rw]`.
    fn mounts_of(&self, text: &str) -> Result<Vec<MountPoint>> {
        let (name, mode) = text.split_once(':').unwrap_or((text, ""));
        if name.is_empty() {
            return Err(Error::InvalidParameter(
                "invalid volumes-from specification: volumes-from specification cannot be an empty string".to_owned(),
            ));
        }
        if !matches!(mode.to_ascii_lowercase().as_str(), "" | "ro" | "rw") {
            return Err(Error::InvalidParameter(format!("invalid mode for volumes-from: {mode}")));
        }
        let read_only = mode.eq_ignore_ascii_case("ro");
        let mounts = self.inspect(name)?.mounts.into_iter();
        Ok(mounts.map(|mount| MountPoint { writable: mount.writable && !read_only, ..mount }).collect())
    }

    fn mount_point(&self, wanted: &Wanted, made: &mut Vec<String>) -> Result<MountPoint> {
        let mount = MountPoint {
            destination: wanted.target.to_string(),
            mode: wanted.mode.clone(),
            writable: !wanted.read_only,
            ..MountPoint::default()
        };
        let (volume, subpath) = match &wanted.source {
            Source::Directory(path) => return Ok(MountPoint { source: path.display().to_string(), ..mount }),
            Source::Anonymous => {
                let volume = self.create_volume_in_turn(NewVolume::default())?;
                made.push(volume.name.to_string());
                (volume, None)
            }
            Source::Volume { name, subpath, labels } => {
                let new = NewVolume { name: Some(name.clone()), labels: labels.clone() };
                (self.create_volume_in_turn(new)?, subpath.as_ref())
            }
        };
        let directory = self.volume_directory(&volume.name);
        Ok(MountPoint {
            kind: MountType::Volume,
            name: volume.name.to_string(),
            source: subpath.map_or(directory.clone(), |subpath| directory.join(subpath)).display().to_string(),
            driver: crate::volumes::DRIVER.to_owned(),
            ..mount
        })
    }
}
