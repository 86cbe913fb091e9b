//! Base images: `nanoserver`, `servercore`, `server` and `windows`, made from the Wine runtime.

mod describe;
mod files;
mod flavour;
mod prefix;
mod tuning;

pub use flavour::{Flavour, UnknownFlavour};

use crate::error::LayersError;
use crate::image::Image;
use crate::layer::archive::FileSecurity;
use crate::layer::gzip;
use crate::layer::pack::{self, Packing};
use crate::reference::microsoft_name;
use crate::registry::{HIVES, read_prefix, user_hive_path, write_hive};
use crate::store::Store;
use casement_hive::NtTime as KeyTime;
use casement_layer_tar::NtTime;
use casement_nt::hives::{FromWine, Hives, Mount};
use casement_nt::progress::Part;
use casement_nt::version::Tag;
use casement_nt::{Progress, Runtime};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Raised whenever the same runtime, lists of files and script would give another image.
const RECIPE: u32 = 4;
/// Every time in a base image, in seconds since 1970.
const TIME: i64 = casement_nt::runtime::recipe::FILE_TIME as i64;
/// Note on the manifest: digest of all that goes into the image.
const INPUTS: &str = "casement.base.inputs";

/// Builds one base image, or finds that it is up to date.
#[derive(Debug, Clone)]
pub struct BaseBuilder {
    store: Store,
    runtime: Runtime,
    flavour: Flavour,
    tag: Tag,
}

impl BaseBuilder {
    /// Builds `flavour` in the version of `tag` from `runtime` into `store`.
    pub fn new(store: &Store, runtime: Runtime, flavour: Flavour, tag: Tag) -> Self {
        Self { store: store.clone(), runtime, flavour, tag }
    }

    /// The built image, if [`BaseBuilder::build`] would have nothing to do.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn up_to_date(&self) -> Result<Option<Image>, LayersError> {
        let name = format!("{}:{}", self.flavour, self.tag);
        let inputs = self.inputs();
        match self.store.annotations(&name)? {
            Some(notes) if notes.get(INPUTS) == Some(&inputs) => self.store.resolve(&name).map(Some),
            _ => Ok(None),
        }
    }

    /// Builds the image and gives it its names: all tags of the same Windows build, short and as Microsoft's registry
    /// has them. With nothing to do this takes milliseconds.
    ///
    /// # Errors
    /// [`LayersError`]; an image that was there before stays.
    pub fn build(&self, progress: &dyn Progress) -> Result<Image, LayersError> {
        if let Some(image) = self.up_to_date()? {
            return Ok(image);
        }
        let _build_lock = self.store.lock_build()?;
        // Another process may just have built it.
        if let Some(image) = self.up_to_date()? {
            return Ok(image);
        }
        let prefix = prefix::prefix_of(&self.store, &self.runtime, &Part::new(progress, 0.0, 0.5))?;
        let name = format!("{}:{}", self.flavour, self.tag);
        {
            let _lock = self.store.lock_shared()?;
            let layer = self.store.new_layer()?;
            progress.report("choosing files", 0.5);
            files::stage(&prefix.join("drive_c"), &self.runtime, self.flavour, &layer.path().join("Files"))?;
            progress.report("tuning the registry", 0.6);
            self.stage_registry(&prefix, layer.path())?;
            files::set_times(layer.path())?;
            let packing = Packing {
                below: &[],
                latest: Some(NtTime::from_seconds(TIME)),
                file_security: FileSecurity::Inherited,
                level: gzip::SMALL,
            };
            let packed = pack::pack(&self.store, layer.path(), &packing, &Part::new(progress, 0.65, 0.95))?;
            self.check_size(packed.size, packed.blob.size)?;
            let notes = BTreeMap::from([(INPUTS.to_owned(), self.inputs())]);
            let manifest = describe::describe(&self.store, &packed, self.flavour, self.tag.build(), notes)?;
            progress.report("writing to disk", 0.95);
            self.store.publish_layer(layer, &packed.diff_id, packed.size)?;
            self.store.publish(&manifest, &self.names())?;
        }
        // What the former image of this name had, as far as no container needs it.
        self.store.collect_garbage()?;
        progress.report("image ready", 1.0);
        self.store.resolve(&name)
    }

    fn inputs(&self) -> String {
        let build = self.tag.build();
        let mut text = format!("recipe {RECIPE} runtime {} {} {}", self.runtime.id(), self.flavour, build.os_version());
        text.push_str(prefix::SCRIPT);
        text.extend(self.flavour.files().into_iter().flatten());
        crate::Digest::of(text.as_bytes()).to_string()
    }

    fn names(&self) -> Vec<String> {
        let base = self.flavour.as_str();
        let tags = self.tag.build().tags().iter();
        tags.flat_map(|tag| [format!("{base}:{tag}"), format!("{}:{tag}", microsoft_name(base))]).collect()
    }

    /// Makes the hives of the image: those of the machine in `Hives/`, the user's in the profile. The copies that Windows' own base
    /// images have below `Windows\System32\config` are left out: nothing reads them in a container, and nanoserver has to be small.
    fn stage_registry(&self, prefix: &Path, layer: &Path) -> Result<(), LayersError> {
        let mut wine = read_prefix(prefix)?;
        tuning::machine(&mut wine.machine, self.flavour, self.tag.build());
        tuning::user(&mut wine.user);
        tuning::user(&mut wine.default_user);
        let FromWine { hives, without_hive } = Hives::from_wine(wine);
        if !without_hive.is_empty() {
            let why = format!("Wine has made keys that are in no hive: {without_hive:?}");
            return Err(LayersError::Base { image: self.flavour.to_string(), why });
        }
        let directory = layer.join(HIVES);
        fs::create_dir_all(&directory).map_err(LayersError::io("create", &directory))?;
        for mount in Mount::ALL {
            let mut tree = hives.get(mount).clone();
            set_times(&mut tree.root);
            let path = match mount.base_file() {
                Some(name) => directory.join(name),
                None => layer.join(user_hive_path().join("/")),
            };
            write_hive(&tree, &path)?;
        }
        Ok(())
    }

    fn check_size(&self, unpacked: u64, packed: u64) -> Result<(), LayersError> {
        let (most_unpacked, most_packed) = self.flavour.limits();
        if unpacked <= most_unpacked && packed <= most_packed {
            return Ok(());
        }
        let why = format!(
            "it has {unpacked} bytes ({packed} packed), more than the {most_unpacked} ({most_packed}) it may have"
        );
        Err(LayersError::Base { image: self.flavour.to_string(), why })
    }
}

/// Gives all keys the one time of the image.
fn set_times(key: &mut casement_hive::Key) {
    key.time = KeyTime::from_unix(TIME.unsigned_abs());
    key.subkeys_mut().for_each(|(_, subkey)| set_times(subkey));
}
