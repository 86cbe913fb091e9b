//! What differs between two images: files, registry, and what the config says.

use crate::entry::{Entry, Kind, attribute_names};
use crate::error::ViewError;
use crate::registry::{KeyPath, Registry, data_text, type_name};
use crate::sddl;
use crate::tree::{NodeId, TOP};
use crate::view::ImageView;
use casement_hive::{Key, Name, Tree, Value};
use casement_nt::hives::Mount;
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Deepest object of a config that is compared by its parts.
const MAX_DEPTH: usize = 16;

/// What became of something from the first image to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Became {
    /// It is in the second only.
    Added,
    /// It is in the first only.
    Removed,
    /// It differs.
    Changed,
}

/// One property that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Property {
    /// What differs: `content`, `attributes`, `security`, `modified`, …
    pub what: String,
    /// In the first image; none where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// In the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A file, key or part of the config that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The path of the file or key, or the name of the field.
    pub path: String,
    /// What became of it.
    pub became: Became,
    /// What differs of it, if it is in both.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
}

/// All that differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Files of all parts of the image, hives left out, which are compared as a registry.
    pub files: Vec<Change>,
    /// Keys with their values.
    pub registry: Vec<Change>,
    /// Fields of the config, by their JSON pointers.
    pub config: Vec<Change>,
}

impl Difference {
    /// Whether the images are the same in all this.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.registry.is_empty() && self.config.is_empty()
    }
}

/// Whether times of files and keys are a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// They are.
    Compared,
    /// They are not.
    Ignored,
}

/// Compares two images.
///
/// # Errors
/// When a hive does not load.
pub fn diff(first: &ImageView, second: &ImageView, times: Times) -> Result<Difference, ViewError> {
    let mut difference = Difference::default();
    let files = Files { first, second, times };
    files.children(TOP, TOP, &mut difference.files);
    let (before, after) = (Registry::of(first)?, Registry::of(second)?);
    for mount in Mount::ALL {
        let path = KeyPath::of_mount(mount);
        match (before.merged(mount), after.merged(mount)) {
            (Some(before), Some(after)) => keys(&path, &before.root, &after.root, times, &mut difference.registry),
            (None, Some(Tree { root, .. })) => whole_key(&path, &root, Became::Added, &mut difference.registry),
            (Some(Tree { root, .. }), None) => whole_key(&path, &root, Became::Removed, &mut difference.registry),
            (None, None) => {}
        }
    }
    let config = |view: &ImageView| view.source.config.as_ref().map(|config| config.value.clone());
    fields("", config(first).as_ref(), config(second).as_ref(), 0, &mut difference.config);
    Ok(difference)
}

struct Files<'a> {
    first: &'a ImageView,
    second: &'a ImageView,
    times: Times,
}

impl Files<'_> {
    fn children(&self, before: NodeId, after: NodeId, changes: &mut Vec<Change>) {
        let (olds, news) = (&self.first.tree.node(before).children, &self.second.tree.node(after).children);
        let names: BTreeSet<&String> = olds.keys().chain(news.keys()).collect();
        for name in names {
            // What is in hives is told as keys and values.
            if (before, after) == (TOP, TOP) && *name == crate::name::fold(crate::name::HIVES) {
                continue;
            }
            match (olds.get(name), news.get(name)) {
                (Some(old), Some(new)) => {
                    let properties = self.properties(*old, *new);
                    if !properties.is_empty() {
                        let path = self.second.tree.shown(*new);
                        changes.push(Change { path, became: Became::Changed, properties });
                    }
                    self.children(*old, *new, changes);
                }
                (Some(old), None) => whole_tree(self.first, *old, Became::Removed, changes),
                (None, Some(new)) => whole_tree(self.second, *new, Became::Added, changes),
                (None, None) => {}
            }
        }
    }

    fn properties(&self, old: NodeId, new: NodeId) -> Vec<Property> {
        let mut properties = Vec::new();
        let mut compare = |what: &str, before: Option<String>, after: Option<String>| {
            if before != after {
                properties.push(Property { what: what.to_owned(), before, after });
            }
        };
        let names = (&self.first.tree.node(old).name, &self.second.tree.node(new).name);
        compare("name", Some(names.0.clone()), Some(names.1.clone()));
        let sides = (Side::of(self.first, old), Side::of(self.second, new));
        let (before, after) = (&sides.0, &sides.1);
        compare("kind", Some(before.kind()), Some(after.kind()));
        compare("content", before.content(), after.content());
        compare("target", before.target(), after.target());
        // A directory that only its content speaks of has nothing to compare.
        if before.entry.is_some() && after.entry.is_some() {
            compare("attributes", before.attributes(), after.attributes());
            compare("security", before.security(), after.security());
            compare("extended-attributes", before.extended(), after.extended());
            if self.times == Times::Compared {
                compare(
                    "modified",
                    before.time(|entry| Some(entry.modified)),
                    after.time(|entry| Some(entry.modified)),
                );
                compare("created", before.time(|entry| entry.created), after.time(|entry| entry.created));
            }
        }
        let (olds, news) = (before.streams(), after.streams());
        let streams: BTreeSet<&String> = olds.keys().chain(news.keys()).collect();
        for stream in streams {
            compare(&format!("stream {stream}"), olds.get(stream).cloned(), news.get(stream).cloned());
        }
        properties
    }
}

/// One side of a comparison.
struct Side<'a> {
    view: &'a ImageView,
    id: NodeId,
    layer: usize,
    entry: Option<&'a Entry>,
}

impl<'a> Side<'a> {
    fn of(view: &'a ImageView, id: NodeId) -> Self {
        let file = view.file(id);
        Self { view, id, layer: file.map_or(0, |(at, _)| at.layer), entry: file.map(|(_, entry)| entry) }
    }

    fn kind(&self) -> String {
        let described = match self.entry {
            Some(Entry { kind: Kind::Directory { .. }, .. }) => "directory",
            Some(Entry { kind: Kind::File(_), .. }) => "file",
            Some(Entry { kind: Kind::Symlink(_), .. }) => "symlink",
            Some(Entry { kind: Kind::Junction(_), .. }) => "junction",
            Some(_) => "reparse-point",
            None if self.view.is_directory(self.id) => "directory",
            None => "hard-link",
        };
        described.to_owned()
    }

    fn content(&self) -> Option<String> {
        match &self.entry?.kind {
            Kind::File(content) => Some(format!("{} bytes, sha256 {}", content.size, content.digest.short())),
            _ => None,
        }
    }

    fn target(&self) -> Option<String> {
        match &self.entry?.kind {
            Kind::Symlink(target) | Kind::Junction(target) => Some(target.clone()),
            Kind::Reparse(tag) => Some(format!("{tag:#x}")),
            _ => None,
        }
    }

    fn attributes(&self) -> Option<String> {
        Some(attribute_names(self.entry?.shown_attributes()).join(" "))
    }

    fn security(&self) -> Option<String> {
        let index = self.view.layers.get(self.layer)?.index.as_ref()?;
        let descriptor = index.security(self.entry?)?;
        Some(sddl::text(descriptor).unwrap_or_else(|why| format!("(it {why})")))
    }

    fn extended(&self) -> Option<String> {
        let attributes = &self.entry?.extended;
        let texts = attributes.iter().map(|(name, size)| format!("{name} ({size} bytes)"));
        Some(texts.collect::<Vec<_>>().join(", "))
    }

    fn time(&self, which: impl Fn(&Entry) -> Option<crate::Stamp>) -> Option<String> {
        which(self.entry?).map(|time| time.to_string())
    }

    fn streams(&self) -> BTreeMap<String, String> {
        let streams = self.entry.map(|entry| entry.streams.as_slice()).unwrap_or_default();
        let text = |stream: &crate::entry::Stream| {
            let content = format!("{} bytes, sha256 {}", stream.content.size, stream.content.digest.short());
            (stream.name.clone(), content)
        };
        streams.iter().map(text).collect()
    }
}

fn whole_tree(view: &ImageView, from: NodeId, became: Became, changes: &mut Vec<Change>) {
    changes.extend(view.tree.walk(from).map(|id| Change { path: view.tree.shown(id), became, properties: Vec::new() }));
}

fn keys(path: &KeyPath, before: &Key, after: &Key, times: Times, changes: &mut Vec<Change>) {
    let mut properties = Vec::new();
    let mut compare = |what: String, before: Option<String>, after: Option<String>| {
        if before != after {
            properties.push(Property { what, before, after });
        }
    };
    let names: BTreeMap<String, &Name> =
        before.values().chain(after.values()).map(|(name, _)| (crate::name::fold(&name.to_string()), name)).collect();
    for name in names.values() {
        let shown = if name.is_empty() { "(Default)".to_owned() } else { name.to_string() };
        compare(format!("value {shown}"), before.value(name).map(value_text), after.value(name).map(value_text));
    }
    let class = |key: &Key| key.class.as_ref().map(ToString::to_string);
    compare("class".to_owned(), class(before), class(after));
    let security = |key: &Key| Some(sddl::text(key.security.bytes()).unwrap_or_else(|why| format!("(it {why})")));
    compare("security".to_owned(), security(before), security(after));
    compare("link".to_owned(), Some(before.flags.is_link().to_string()), Some(after.flags.is_link().to_string()));
    if times == Times::Compared {
        compare("modified".to_owned(), Some(before.time.to_string()), Some(after.time.to_string()));
    }
    if !properties.is_empty() {
        changes.push(Change { path: path.to_string(), became: Became::Changed, properties });
    }
    for (name, child) in before.subkeys() {
        let path = path.join(&[name.to_string()]);
        match after.subkey(name) {
            Some(other) => keys(&path, child, other, times, changes),
            None => whole_key(&path, child, Became::Removed, changes),
        }
    }
    for (name, child) in after.subkeys().filter(|(name, _)| before.subkey(name).is_none()) {
        whole_key(&path.join(&[name.to_string()]), child, Became::Added, changes);
    }
}

/// A key with all that is in it.
fn whole_key(path: &KeyPath, key: &Key, became: Became, changes: &mut Vec<Change>) {
    let properties = key.values().map(|(name, value)| {
        let text = Some(value_text(value));
        let (before, after) = if became == Became::Added { (None, text) } else { (text, None) };
        let shown = if name.is_empty() { "(Default)".to_owned() } else { name.to_string() };
        Property { what: format!("value {shown}"), before, after }
    });
    changes.push(Change { path: path.to_string(), became, properties: properties.collect() });
    for (name, child) in key.subkeys() {
        whole_key(&path.join(&[name.to_string()]), child, became, changes);
    }
}

fn value_text(value: &Value) -> String {
    format!("{} {}", type_name(value.kind()), data_text(value))
}

fn fields(path: &str, before: Option<&Json>, after: Option<&Json>, depth: usize, changes: &mut Vec<Change>) {
    if before == after {
        return;
    }
    if let (Some(Json::Object(olds)), Some(Json::Object(news))) = (before, after)
        && depth < MAX_DEPTH
    {
        let names: BTreeSet<&String> = olds.keys().chain(news.keys()).collect();
        for name in names {
            let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
            fields(&path, olds.get(name), news.get(name), depth + 1, changes);
        }
        return;
    }
    let became = match (before, after) {
        (None, _) => Became::Added,
        (_, None) => Became::Removed,
        _ => Became::Changed,
    };
    let property = Property {
        what: "value".to_owned(),
        before: before.map(ToString::to_string),
        after: after.map(ToString::to_string),
    };
    changes.push(Change { path: path.to_owned(), became, properties: vec![property] });
}
