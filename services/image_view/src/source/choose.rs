//! Which image of a layout is meant.

use super::descriptor::Descriptor;
use crate::error::ViewError;
use serde_json::Value;
use std::path::PathBuf;

/// Annotation with the name of an image in a layout (OCI image specification, annotations).
const REFERENCE_NAME: &str = "org.opencontainers.image.ref.name";
/// Annotation with the whole name, as containerd and Docker write it.
const IMAGE_NAME: &str = "io.containerd.image.name";

/// Splits `PATH[:NAME]` or `PATH@DIGEST`; a path that is there as a whole has no name behind it.
pub fn path_and_name(text: &str) -> (PathBuf, Option<String>) {
    let whole = PathBuf::from(text);
    if whole.exists() {
        return (whole, None);
    }
    if let Some((path, digest)) = text.split_once('@')
        && digest.starts_with("sha256:")
    {
        return (path.into(), Some(digest.to_owned()));
    }
    // The path is the longest that is there, as names have colons themselves.
    for (at, _) in text.rmatch_indices(':') {
        let path = PathBuf::from(&text[..at]);
        if path.exists() {
            return (path, Some(text[at + 1..].to_owned()));
        }
    }
    (whole, None)
}

/// The names of an image in a layout.
pub fn names(descriptor: &Descriptor) -> Vec<String> {
    let names = [IMAGE_NAME, REFERENCE_NAME].into_iter();
    names.filter_map(|key| descriptor.annotations.get(key)?.as_str().map(str::to_owned)).collect()
}

/// Of several images the one that `wanted` names; without a name the only one, or the only one for Windows.
///
/// # Errors
/// [`ViewError::Ambiguous`], [`ViewError::NotThere`]
pub fn one(object: &str, wanted: Option<&str>, found: Vec<Descriptor>) -> Result<Descriptor, ViewError> {
    let is_it = |descriptor: &Descriptor, wanted: &str| {
        descriptor.digest == wanted
            || names(descriptor).iter().any(|name| name == wanted || name.ends_with(&format!("/{wanted}")))
            || platform(descriptor, "os.version") == Some(wanted)
    };
    let mut fitting: Vec<Descriptor> = match wanted {
        Some(wanted) => found.iter().filter(|descriptor| is_it(descriptor, wanted)).cloned().collect(),
        None => found.clone(),
    };
    if fitting.len() > 1 {
        let windows = |descriptor: &Descriptor| platform(descriptor, "os").is_none_or(|os| os == "windows");
        let for_windows: Vec<Descriptor> = fitting.iter().filter(|d| windows(d)).cloned().collect();
        if !for_windows.is_empty() {
            fitting = for_windows;
        }
        fitting.dedup_by(|a, b| a.digest == b.digest);
    }
    match (fitting.len(), wanted) {
        (1, _) => Ok(fitting.remove(0)),
        (0, Some(wanted)) => Err(ViewError::NotThere {
            image: object.to_owned(),
            what: format!("image \"{wanted}\""),
            hint: format!(" (it has {})", choices(&found).join(", ")),
        }),
        (0, None) => Err(ViewError::NotAnImage { object: object.to_owned(), why: "its index is empty".to_owned() }),
        _ => Err(ViewError::Ambiguous { object: object.to_owned(), choices: choices(&fitting) }),
    }
}

fn choices(found: &[Descriptor]) -> Vec<String> {
    let choice = |descriptor: &Descriptor| match names(descriptor).into_iter().next() {
        Some(name) => name,
        None => match platform(descriptor, "os.version") {
            Some(version) => format!("{version} ({})", descriptor.digest),
            None => descriptor.digest.clone(),
        },
    };
    found.iter().take(20).map(choice).collect()
}

fn platform<'a>(descriptor: &'a Descriptor, field: &str) -> Option<&'a str> {
    descriptor.platform.get(field).and_then(Value::as_str)
}
