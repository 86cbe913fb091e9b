//! Archives: of `docker save` (old ones with `manifest.json`, newer ones that are OCI layouts), and layers by themselves.

use super::descriptor::Descriptor;
use super::{Blob, Document, LayerSource, MAX_LAYERS, Source, layout};
use crate::error::ViewError;
use crate::inflate::Packing;
use crate::name::{TOPS, fold};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use tar::{Archive, EntryType};

/// Most files in an archive of images.
const MAX_FILES: usize = 100_000;
/// Longest name of one, in bytes.
const MAX_NAME: usize = 4_096;
/// Most bytes of an archive that has to be unpacked first.
const MAX_SPOOLED: u64 = 64 << 30;
const INDEX: &str = "index.json";
const MANIFEST: &str = "manifest.json";

/// Opens an archive of images or a layer.
pub fn open(path: &Path, wanted: Option<&str>) -> Result<Source, ViewError> {
    match is_layer(&Blob::open(path)?, path)? {
        true => open_layer(path, None),
        false => open_image(path, wanted),
    }
}

/// Opens a layer by itself, packed or not.
pub fn open_layer(path: &Path, _: Option<&str>) -> Result<Source, ViewError> {
    let blob = Some(Blob::open(path)?);
    let layer = LayerSource { diff_id: None, descriptor: None, blob, checked_blob: None, unpacked: None };
    Ok(Source {
        name: path.display().to_string(),
        origin: "layer",
        manifest: None,
        config: None,
        described: None,
        layers: vec![layer],
        cache: None,
    })
}

/// Opens an image of an archive.
pub fn open_image(path: &Path, wanted: Option<&str>) -> Result<Source, ViewError> {
    let shown = path.display().to_string();
    let blob = spooled(Blob::open(path)?, &shown)?;
    let files = Files::list(&blob, &shown)?;
    if let Some(index) = files.find(INDEX) {
        return layout::from_index(&shown, "archive", &index, wanted, &|name| Ok(files.find(name)));
    }
    match files.find(MANIFEST) {
        Some(manifest) => from_manifest(&shown, &Document::read(&manifest, MANIFEST, None)?, wanted, &files),
        None => {
            Err(ViewError::NotAnImage { object: shown, why: "it has neither index.json nor manifest.json".to_owned() })
        }
    }
}

/// Whether the first name in an archive is that of a layer.
fn is_layer(blob: &Blob, path: &Path) -> Result<bool, ViewError> {
    let failed = |e| ViewError::io("read", path.display())(e);
    let mut archive = Archive::new(blob.unpacked(0, &[]).map_err(failed)?);
    for entry in archive.entries().map_err(failed)?.raw(true).take(4) {
        let entry = entry.map_err(failed)?;
        if !matches!(entry.header().entry_type(), EntryType::XHeader | EntryType::XGlobalHeader) {
            let name = String::from_utf8_lossy(&entry.header().path_bytes()).into_owned();
            let top = fold(name.trim_start_matches("./").split('/').next().unwrap_or_default());
            return Ok(TOPS.iter().any(|known| fold(known) == top));
        }
    }
    Ok(false)
}

/// An archive that is not packed: a packed one is unpacked into a file without a name.
fn spooled(blob: Blob, shown: &str) -> Result<Blob, ViewError> {
    let failed = |e| ViewError::io("unpack", shown)(e);
    if blob.packing().map_err(failed)? == Packing::Plain {
        return Ok(blob);
    }
    let mut file = tempfile::tempfile().map_err(failed)?;
    let mut unpacked = blob.unpacked(0, &[]).map_err(failed)?.take(MAX_SPOOLED + 1);
    if io::copy(&mut unpacked, &mut file).map_err(failed)? > MAX_SPOOLED {
        let limit = format!("more than {} GB when unpacked", MAX_SPOOLED >> 30);
        return Err(ViewError::TooLarge { what: shown.to_owned(), limit });
    }
    Blob::of(file, shown)
}

/// The files of an archive by their names.
struct Files {
    archive: Blob,
    places: BTreeMap<String, Place>,
}

enum Place {
    Bytes {
        offset: u64,
        size: u64,
    },
    /// Old archives have a layer that is there twice as a link.
    Link(String),
}

impl Files {
    fn list(archive: &Blob, shown: &str) -> Result<Self, ViewError> {
        let failed = |e| ViewError::io("read", shown)(e);
        let mut places = BTreeMap::new();
        let mut tar = Archive::new(Seeking { reader: archive.clone(), at: 0 });
        for entry in tar.entries_with_seek().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            if places.len() >= MAX_FILES || name.len() > MAX_NAME {
                return Err(ViewError::TooLarge {
                    what: shown.to_owned(),
                    limit: format!("more than {MAX_FILES} files"),
                });
            }
            let place = match entry.header().entry_type() {
                EntryType::Regular => Place::Bytes { offset: entry.raw_file_position(), size: entry.size() },
                EntryType::Symlink | EntryType::Link => match entry.link_name_bytes() {
                    Some(target) => Place::Link(String::from_utf8_lossy(&target).into_owned()),
                    None => continue,
                },
                _ => continue,
            };
            places.insert(name.trim_start_matches("./").to_owned(), place);
        }
        Ok(Self { archive: archive.clone(), places })
    }

    fn find(&self, name: &str) -> Option<Blob> {
        match self.places.get(name)? {
            Place::Bytes { offset, size } => Some(self.archive.part(*offset, *size)),
            Place::Link(target) => {
                let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
                let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
                for part in target.split('/') {
                    match part {
                        "" | "." => {}
                        ".." => drop(parts.pop()),
                        _ => parts.push(part),
                    }
                }
                match self.places.get(&parts.join("/")).or_else(|| self.places.get(target))? {
                    Place::Bytes { offset, size } => Some(self.archive.part(*offset, *size)),
                    Place::Link(_) => None,
                }
            }
        }
    }
}

/// An archive of the older form: `manifest.json` names config and layers by their files.
fn from_manifest(shown: &str, list: &Document, wanted: Option<&str>, files: &Files) -> Result<Source, ViewError> {
    let images = list.value.as_array().map(Vec::as_slice).unwrap_or_default();
    let tags = |image: &Value| -> Vec<String> {
        let tags = image.get("RepoTags").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        tags.iter().filter_map(|tag| tag.as_str().map(str::to_owned)).collect()
    };
    let fitting: Vec<&Value> =
        images.iter().filter(|image| wanted.is_none_or(|wanted| tags(image).iter().any(|tag| tag == wanted))).collect();
    let image = match fitting[..] {
        [image] => image,
        [] => {
            let what = wanted.map_or_else(|| "image".to_owned(), |wanted| format!("image \"{wanted}\""));
            return Err(ViewError::NotThere { image: shown.to_owned(), what, hint: String::new() });
        }
        _ => {
            let choices = fitting.iter().flat_map(|image| tags(image)).take(20).collect();
            return Err(ViewError::Ambiguous { object: shown.to_owned(), choices });
        }
    };
    let config = image.get("Config").and_then(Value::as_str).unwrap_or_default();
    let Some(blob) = files.find(config) else {
        return Err(ViewError::damaged(shown, format!("its config \"{config}\" is not there")));
    };
    // Its name is its digest, in one of two forms.
    let hex = config.trim_end_matches(".json").rsplit('/').next().unwrap_or_default();
    let announced = Descriptor { digest: format!("sha256:{hex}"), ..Descriptor::default() };
    let config = Document::read(&blob, config, Some(announced))?;
    let name = tags(image).into_iter().next().unwrap_or_else(|| shown.to_owned());
    let listed = image.get("Layers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut source = Source {
        name,
        origin: "archive",
        manifest: None,
        config: Some(config),
        described: None,
        layers: Vec::new(),
        cache: None,
    };
    let diff_ids = source.diff_ids();
    for (number, layer) in listed.iter().take(MAX_LAYERS).enumerate() {
        let file = layer.as_str().unwrap_or_default();
        source.layers.push(LayerSource {
            diff_id: diff_ids.get(number).cloned().flatten(),
            descriptor: None,
            blob: files.find(file),
            checked_blob: None,
            unpacked: None,
        });
    }
    Ok(source)
}

/// A blob with a position, for the reader of archives.
struct Seeking {
    reader: Blob,
    at: u64,
}

impl Read for Seeking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.reader(self.at).read(buffer)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl io::Seek for Seeking {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let size = self.reader.size();
        let to = match to {
            io::SeekFrom::Start(at) => Some(at),
            io::SeekFrom::End(by) => size.checked_add_signed(by),
            io::SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
