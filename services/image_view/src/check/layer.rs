//! A layer by itself: its directories, hives' names, the order of its entries, and what they lack.

use crate::entry::{Entry, Kind};
use crate::finding::Findings;
use crate::index::LayerIndex;
use crate::name::{FILES, HIVES, UTILITY_VM, fold};
use crate::registry::{HiveKind, hive_of_name};
use crate::rule::Rule;
use casement_nt::hives::Mount;
use std::collections::{BTreeSet, HashMap};

/// What a layer is in its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The lowest.
    Base,
    /// Any other.
    Upper,
}

/// What a layer is that comes without an image: a base if it has whole hives or the system's own.
pub fn role_of(index: &LayerIndex) -> Role {
    let is_base = |entry: &Entry| {
        let path = fold(&entry.path);
        let hive = path.strip_prefix("HIVES/").and_then(hive_of_name);
        matches!(hive, Some((_, HiveKind::Base))) || path == "FILES/WINDOWS/SYSTEM32/CONFIG/SYSTEM"
    };
    if index.entries.iter().any(is_base) { Role::Base } else { Role::Upper }
}

/// Checks layer `number`.
pub fn check(number: usize, role: Role, index: &LayerIndex, findings: &mut Findings) {
    let what = format!("layer {number}");
    tops(&what, role, index, findings);
    hives(&what, role, index, findings);
    if index.blob.is_none() && index.archive_size == 0 {
        // A directory has no order, no names twice, and no records that are missing.
        return;
    }
    names(&what, index, findings);
    records(&what, index, findings);
}

fn tops(what: &str, role: Role, index: &LayerIndex, findings: &mut Findings) {
    let there: BTreeSet<&str> = index.entries.iter().filter_map(|entry| entry.path.split('/').next()).collect();
    if !there.contains(FILES) {
        findings.add(Rule::FilesMissing, what, "has no Files");
    }
    if !there.contains(HIVES) {
        findings.add(Rule::HivesMissing, what, "has no Hives");
    }
    if role == Role::Base && !there.contains(UTILITY_VM) {
        findings.add(Rule::UtilityVmMissing, what, "has no UtilityVM");
    }
}

fn hives(what: &str, role: Role, index: &LayerIndex, findings: &mut Findings) {
    let mut bases: Vec<Mount> = Vec::new();
    let mut has_directory = false;
    for entry in &index.entries {
        let Some((top, name)) = entry.path.split_once('/') else {
            has_directory |= entry.path == HIVES;
            continue;
        };
        if top != HIVES || entry.kind == Kind::Whiteout {
            continue;
        }
        match hive_of_name(name) {
            Some((mount, HiveKind::Base)) => bases.push(mount),
            Some(_) => {}
            // Wine's own registry has a rule for itself.
            None if name.ends_with(".reg") => {}
            None => {
                findings.add(Rule::HiveUnknown, format!("{what}: {}", entry.path), "is none of the hives of a layer")
            }
        }
    }
    if role == Role::Base && has_directory {
        for mount in Mount::OF_LAYERS {
            if let Some(file) = mount.base_file().filter(|_| !bases.contains(&mount)) {
                findings.add(Rule::BaseHiveMissing, what, format!("has no Hives/{file}"));
            }
        }
    }
}

/// Names in their order: twice, in two cases, before their directories, links before their targets.
fn names(what: &str, index: &LayerIndex, findings: &mut Findings) {
    let later: HashMap<String, usize> =
        index.entries.iter().enumerate().rev().map(|(number, entry)| (fold(&entry.path), number)).collect();
    let mut seen: HashMap<String, &str> = HashMap::new();
    let mut missing: BTreeSet<String> = BTreeSet::new();
    for (number, entry) in index.entries.iter().enumerate() {
        let folded = fold(&entry.path);
        let object = || format!("{what}: {}", entry.path);
        if let Some((parent, _)) = folded.rsplit_once('/')
            && !seen.contains_key(parent)
            && missing.insert(parent.to_owned())
        {
            let parent = entry.path.rsplit_once('/').map_or("", |(parent, _)| parent);
            findings.add(Rule::ParentMissing, object(), format!("{parent} does not come before it"));
        }
        if let Kind::HardLink(target) = &entry.kind {
            let target_at = later.get(&fold(target)).copied();
            let came = seen.contains_key(&fold(target));
            if !came && target_at.is_some_and(|at| at > number) {
                findings.add(Rule::HardLinkForward, object(), format!("links to {target}, which comes later"));
            }
        }
        match seen.get(&folded) {
            // Whiteouts stand for another name than their own.
            _ if entry.kind == Kind::Whiteout => continue,
            Some(before) if *before == entry.path => findings.add(Rule::EntryTwice, object(), "is in the layer twice"),
            Some(before) => findings.add(Rule::CaseCollision, object(), format!("is the same name as {before}")),
            None => {}
        }
        seen.insert(folded, &entry.path);
    }
    // Directories whose names differ in case only on the way to something.
    let mut spelled: HashMap<String, &str> = HashMap::new();
    let mut told: BTreeSet<String> = BTreeSet::new();
    for entry in &index.entries {
        for (at, _) in entry.path.match_indices('/') {
            let directory = &entry.path[..at];
            let folded = fold(directory);
            match spelled.get(&folded) {
                Some(before) if *before != directory && told.insert(folded.clone()) => findings.add(
                    Rule::CaseCollision,
                    format!("{what}: {}", entry.path),
                    format!("{directory} is the same name as {before}"),
                ),
                Some(_) => {}
                None => drop(spelled.insert(folded, directory)),
            }
        }
    }
}

/// Records that entries lack: told once for the whole layer.
fn records(what: &str, index: &LayerIndex, findings: &mut Findings) {
    let with_metadata = |entry: &&Entry| {
        // Windows gives the directories at the top and the hives what they need.
        let on_volume = entry.path.contains('/') && !entry.path.starts_with(HIVES);
        on_volume && !matches!(entry.kind, Kind::Whiteout | Kind::HardLink(_))
    };
    let of_files: Vec<&Entry> = index.entries.iter().filter(with_metadata).collect();
    let mut tell = |rule, lacks: &dyn Fn(&Entry) -> bool, word: &str| {
        let without: Vec<&&Entry> = of_files.iter().filter(|entry| lacks(entry)).collect();
        if let Some(first) = without.first() {
            let seen =
                format!("{} of {} entries have no {word}, the first is {}", without.len(), of_files.len(), first.path);
            findings.add(rule, what, seen);
        }
    };
    tell(Rule::AttributesMissing, &|entry| entry.attributes.is_none(), "attributes");
    // What has none gets what its directory hands down.
    let secured = |entry: &&Entry| matches!(entry.kind, Kind::Directory { .. }) && entry.security.is_some();
    let hand_down: BTreeSet<String> = index.entries.iter().filter(secured).map(|entry| fold(&entry.path)).collect();
    let inherits =
        |entry: &Entry| entry.path.rsplit_once('/').is_some_and(|(parent, _)| hand_down.contains(&fold(parent)));
    let lacks = |entry: &Entry| entry.security.is_none() && !inherits(entry);
    tell(Rule::SecurityMissing, &lacks, "security descriptor, nor has their directory");
}
