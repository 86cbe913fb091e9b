//! Checks an image against the rules of the format: every layer is read whole, nothing is taken from a cache.

mod document;
mod layer;
mod links;

use crate::error::ViewError;
use crate::finding::{Finding, Findings};
use crate::registry::{self, Refused, Registry};
use crate::rule::{Rule, Severity};
use crate::scan::{scan_archive, scan_directory};
use crate::source::{LayerSource, Source};
use crate::view::{ImageView, Layer};
use serde::Serialize;

/// What is wrong with an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How it was named.
    pub image: String,
    /// Where it was found.
    pub origin: &'static str,
    /// Number of layers.
    pub layers: usize,
    /// Entries in all of them.
    pub entries: usize,
    /// The defects, worst first.
    pub findings: Findings,
}

/// A defect with what is known of its rule: the JSON of `casement image check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained<'a> {
    /// Id of the rule.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What breaks the rule.
    pub object: &'a str,
    /// What was seen.
    pub seen: &'a str,
    /// What the rule asks for.
    pub asks: &'static str,
    /// What Windows does.
    pub windows: &'static str,
    /// The way out.
    pub remedy: &'static str,
}

impl Report {
    /// The worst severity; `None` when nothing was found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.list.iter().map(|finding| finding.rule.severity()).max()
    }

    /// The defects with their explanations.
    pub fn explained(&self) -> impl Iterator<Item = Explained<'_>> {
        self.findings.list.iter().map(|Finding { rule, object, seen }| {
            let about = rule.about();
            Explained {
                rule: rule.id(),
                severity: about.severity,
                object,
                seen,
                asks: about.rule,
                windows: about.windows,
                remedy: about.remedy,
            }
        })
    }
}

/// Reads all of an image and checks it.
///
/// # Errors
/// When something cannot be read for reasons that are not the image's.
pub fn check(source: Source) -> Result<Report, ViewError> {
    let mut findings = Findings::default();
    document::check(&source, &mut findings);
    let is_windows = source.config.is_none() || source.config_text("os") == Some("windows");
    if !is_windows {
        // The rules for layers are those of Windows; an image for another system breaks all of them and none.
        return Ok(finish(source.name, source.origin, source.layers.len(), 0, findings));
    }
    let mut layers = Vec::new();
    for (number, layer) in source.layers.iter().enumerate() {
        let index = read(&source, number, layer, &mut findings)?;
        layers.push(Layer { source: layer.clone(), index });
    }
    let has_base = source.config.is_some() || layers.len() > 1;
    for (number, layer) in layers.iter().enumerate() {
        if let Some(index) = &layer.index {
            let role = match (has_base, number) {
                (true, 0) => layer::Role::Base,
                (true, _) => layer::Role::Upper,
                // A layer by itself may be either: its hives say which.
                (false, _) => layer::role_of(index),
            };
            layer::check(number, role, index, &mut findings);
        }
    }
    let (image, origin) = (source.name.clone(), source.origin);
    let mut view = ImageView::laid(source, layers);
    if has_base {
        findings.extend(std::mem::take(&mut view.findings));
        links::check(&view, &mut findings);
    }
    hives(&view, has_base, &mut findings)?;
    let entries = view.layers.iter().filter_map(|layer| layer.index.as_ref()).map(|index| index.entries.len()).sum();
    Ok(finish(image, origin, view.layers.len(), entries, findings))
}

fn finish(image: String, origin: &'static str, layers: usize, entries: usize, mut findings: Findings) -> Report {
    findings.list.sort_by_key(|finding| std::cmp::Reverse(finding.rule.severity()));
    Report { image, origin, layers, entries, findings }
}

/// Reads a layer, and holds its blob against what the documents say.
fn read(
    source: &Source,
    number: usize,
    layer: &LayerSource,
    findings: &mut Findings,
) -> Result<Option<crate::index::LayerIndex>, ViewError> {
    let what = format!("layer {number}");
    let index = match (&layer.blob, &layer.unpacked, &layer.diff_id) {
        (Some(blob), ..) => {
            document::check_blob(&what, layer, blob, findings)?;
            match scan_archive(blob, &what) {
                Ok(index) => index,
                Err(ViewError::Io { source, .. }) if source.kind() == std::io::ErrorKind::Unsupported => {
                    findings.add(Rule::LayerMediaType, &what, source.to_string());
                    return Ok(None);
                }
                Err(other) => return Err(other),
            }
        }
        (None, Some(directory), Some(diff_id)) => {
            findings.add(Rule::BlobMissing, &what, "only its unpacked form is here, which was checked instead");
            scan_directory(directory, diff_id)?
        }
        _ => {
            findings.add(Rule::BlobMissing, &what, source.not_here(number).to_string());
            return Ok(None);
        }
    };
    if let Some(stated) = layer.diff_id.as_ref().filter(|stated| **stated != index.diff_id) {
        findings.add(Rule::DiffId, &what, format!("is {} and not {stated}", index.diff_id));
    }
    for finding in &index.findings.list {
        let object = if finding.object == what { what.clone() } else { format!("{what}: {}", finding.object) };
        findings.add(finding.rule, object, &finding.seen);
    }
    for (rule, more) in &index.findings.more {
        *findings.more.entry(*rule).or_insert(0) += more;
    }
    Ok(Some(index))
}

/// Loads all hives and checks them.
fn hives(view: &ImageView, has_base: bool, findings: &mut Findings) -> Result<(), ViewError> {
    let mut registry = Registry::default();
    for number in 0..view.layers.len() {
        if view.layers[number].index.is_none() {
            continue;
        }
        let loaded = registry::hives_of_layer(view, number, &mut |hive, why| {
            let object = format!("layer {number}: {hive}");
            match why {
                Refused::Hive(error) => findings.add(Rule::HiveDamaged, object, error.to_string()),
                Refused::Wine => findings.add(Rule::HiveOfWine, object, "is text of Wine"),
                Refused::TooLarge => findings.add(Rule::LimitPassed, object, "is larger than 512 MB"),
            }
        });
        match loaded {
            Ok(hives) => registry.hives.extend(hives),
            // A damaged archive was already told.
            Err(ViewError::Io { .. } | ViewError::Damaged { .. }) if view.layers[number].source.blob.is_some() => {}
            Err(other) => return Err(other),
        }
    }
    registry::check(&registry, has_base, findings);
    Ok(())
}
