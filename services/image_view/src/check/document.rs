//! Manifest, config, and the blobs that they announce.

use crate::error::ViewError;
use crate::finding::Findings;
use crate::inflate::Packing;
use crate::name::fold;
use crate::rule::Rule;
use crate::source::{Blob, Document, LayerSource, Source};
use casement_layers::Digest;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::io::{self, Read};

/// Media types of manifests.
const MANIFESTS: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
/// Media types of layers without their packing.
const LAYERS: [&str; 4] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
];
const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];
/// Builds for which Microsoft has published base images ("Windows Container version compatibility", Microsoft Learn).
const BUILDS: [u32; 13] = [14393, 15063, 16299, 17134, 17763, 18362, 18363, 19041, 19042, 19043, 20348, 25398, 26100];

/// Checks the documents of an image.
pub fn check(source: &Source, findings: &mut Findings) {
    if let Some(manifest) = &source.manifest {
        announced("manifest", manifest, findings);
        let own = manifest.value.get("mediaType").and_then(Value::as_str);
        let stated = manifest.announced.as_ref().map(|descriptor| descriptor.media_type.as_str());
        let media_type = own.or(stated.filter(|text| !text.is_empty()));
        if !media_type.is_some_and(|media_type| MANIFESTS.contains(&media_type)) {
            findings.add(Rule::ManifestMediaType, "manifest", media_type.unwrap_or("has no media type"));
        }
    }
    let Some(config) = &source.config else { return };
    announced("config", config, findings);
    system(source, config, findings);
    process(config, findings);
    if let Some(original) = source.substituted() {
        findings.add(
            Rule::BaseSubstituted,
            "config: Labels",
            format!("is on Casement's base in the place of {original}"),
        );
    }
    layers(source, config, findings);
    times(config, findings);
}

/// Whether a document is what was announced.
fn announced(what: &str, document: &Document, findings: &mut Findings) {
    let Some(descriptor) = &document.announced else { return };
    if Digest::parse(&descriptor.digest).is_ok_and(|stated| stated != document.digest) {
        findings.add(Rule::BlobDigest, what, format!("is {} and not {}", document.digest, descriptor.digest));
    }
    if let Some(size) = descriptor.size.filter(|size| *size != document.size) {
        findings.add(Rule::BlobSize, what, format!("has {} bytes and not {size}", document.size));
    }
}

fn system(source: &Source, config: &Document, findings: &mut Findings) {
    let text = |field: &str| config.value.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    match text("os") {
        None => findings.add(Rule::OsMissing, "config: os", "is not stated"),
        Some("windows") => {}
        Some(other) => findings.add(Rule::OsWrong, "config: os", format!("is \"{other}\"")),
    }
    match text("architecture") {
        Some(known) if ARCHITECTURES.contains(&known) => {}
        other => {
            findings.add(Rule::Architecture, "config: architecture", format!("is \"{}\"", other.unwrap_or_default()))
        }
    }
    if text("os") == Some("windows") {
        match text("os.version") {
            None => findings.add(Rule::OsVersionMissing, "config: os.version", "is not stated"),
            Some(version) => os_version(version, findings),
        }
    }
    let described =
        source.described.as_ref().map(|descriptor| &descriptor.platform).filter(|platform| platform.is_object());
    for field in ["os", "architecture", "os.version"] {
        let (Some(platform), Some(own)) = (described, text(field)) else { continue };
        match platform.get(field).and_then(Value::as_str) {
            Some(stated) if stated != own => {
                findings.add(
                    Rule::PlatformDiffers,
                    format!("index: {field}"),
                    format!("is \"{stated}\", in the config \"{own}\""),
                );
            }
            _ => {}
        }
    }
}

fn os_version(version: &str, findings: &mut Findings) {
    let numbers: Vec<Option<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    match numbers[..] {
        [Some(10), Some(0), Some(build), Some(_)] if BUILDS.contains(&build) => {}
        [Some(10), Some(0), Some(build), Some(_)] => {
            findings.add(
                Rule::OsVersionUnknown,
                "config: os.version",
                format!("{version}: no base image has build {build}"),
            );
        }
        _ => findings.add(Rule::OsVersionMalformed, "config: os.version", format!("is \"{version}\"")),
    }
}

fn process(config: &Document, findings: &mut Findings) {
    let process = config.value.get("config").unwrap_or(&Value::Null);
    let list = |field: &str| process.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if list("Cmd").is_empty() && list("Entrypoint").is_empty() {
        findings.add(Rule::CommandMissing, "config", "has neither Cmd nor Entrypoint");
    }
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for variable in list("Env").iter().filter_map(Value::as_str) {
        let name = fold(variable.split('=').next().unwrap_or_default());
        if !seen.insert(name.clone()) {
            findings.add(Rule::VariablesTwice, "config: Env", format!("{name} is there twice"));
        }
    }
}

fn layers(source: &Source, config: &Document, findings: &mut Findings) {
    let diff_ids = config.value.pointer("/rootfs/diff_ids").and_then(Value::as_array).map_or(0, Vec::len);
    let listed = source.layers.len();
    if diff_ids != listed {
        findings.add(
            Rule::LayerCount,
            "config: rootfs.diff_ids",
            format!("has {diff_ids} where there are {listed} layers"),
        );
    }
    let history = config.value.get("history").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let made = history.iter().filter(|step| step.get("empty_layer").and_then(Value::as_bool) != Some(true)).count();
    if !history.is_empty() && made != listed {
        findings.add(
            Rule::HistoryCount,
            "config: history",
            format!("has {made} steps with a layer, and there are {listed} layers"),
        );
    }
}

fn times(config: &Document, findings: &mut Findings) {
    let steps = config.value.get("history").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let own = std::iter::once(("config: created".to_owned(), config.value.get("created")));
    let of_steps =
        steps.iter().enumerate().map(|(number, step)| (format!("config: history {number}"), step.get("created")));
    for (object, time) in own.chain(of_steps) {
        let Some(time) = time.filter(|time| !time.is_null()) else { continue };
        if time.as_str().is_none_or(|time| time.parse::<jiff::Timestamp>().is_err()) {
            findings.add(Rule::CreatedMalformed, object, format!("is {time}"));
        }
    }
}

/// Checks a layer's blob against its descriptor.
///
/// # Errors
/// When it cannot be read.
pub fn check_blob(what: &str, layer: &LayerSource, blob: &Blob, findings: &mut Findings) -> Result<(), ViewError> {
    let failed = |e| ViewError::io("read", what)(e);
    let packing = blob.packing().map_err(failed)?;
    let Some(descriptor) = &layer.descriptor else { return Ok(()) };
    if let Some(size) = descriptor.size.filter(|size| *size != blob.size()) {
        findings.add(Rule::BlobSize, what, format!("its blob has {} bytes and not {size}", blob.size()));
    }
    match Digest::parse(&descriptor.digest) {
        Ok(stated) => {
            let found = digest(&mut blob.reader(0)).map_err(failed)?;
            if found.as_ref() != Some(&stated) {
                let found = found.map_or_else(String::new, |found| found.to_string());
                findings.add(Rule::BlobDigest, what, format!("its blob is {found} and not {stated}"));
            }
        }
        Err(_) => findings.add(Rule::BlobDigest, what, format!("\"{}\" is no SHA-256 digest", descriptor.digest)),
    }
    let media_type = descriptor.media_type.as_str();
    let base = LAYERS.iter().find(|base| {
        media_type == **base || media_type.strip_prefix(**base).is_some_and(|rest| rest.starts_with(['.', '+']))
    });
    let stated = match base.map(|base| media_type.strip_prefix(*base).unwrap_or_default()) {
        Some("") => Some(Packing::Plain),
        Some("+gzip" | ".gzip") => Some(Packing::Gzip),
        Some("+zstd" | ".zstd") => Some(Packing::Zstd),
        _ => None,
    };
    match stated {
        None => findings.add(Rule::LayerMediaType, what, format!("\"{media_type}\" is no media type of a layer")),
        Some(stated) if stated != packing => {
            findings.add(Rule::LayerMediaType, what, format!("is packed as {packing:?} and said to be {stated:?}"));
        }
        Some(_) => {}
    }
    if descriptor.has_addresses || media_type.contains("foreign") || media_type.contains("nondistributable") {
        findings.add(Rule::ForeignLayer, what, media_type);
    }
    Ok(())
}

fn digest(reader: &mut dyn Read) -> io::Result<Option<Digest>> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(Digest::from_hex(&casement_nt::digest::hex(&hasher.finalize()))),
            length => hasher.update(&buffer[..length]),
        }
    }
}
