//! `image reg`: show an image's registry.

use std::collections::BTreeMap;
use std::process::ExitCode;

use casement_hive::{Entry, Key, Name, Semantics, Tree};
use casement_image_view::registry::{self, KeyPath, data_json, data_text, type_name};
use casement_image_view::{Registry, sddl};
use casement_nt::hives::Mount;
use clap::Args;
use serde::Serialize;
use serde_json::Value as Json;

use super::{Outcome, failure, print_json, printable, view};
use crate::arguments::Places;
use crate::failure::Failure;
use crate::output;

/// What reg.exe says of a key or value that is not there.
const NOT_FOUND: &str = "ERROR: The system was unable to find the specified registry key or value.";

/// Flags of `image reg`.
#[derive(Debug, Args)]
pub struct Reg {
    /// Image
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Key, such as HKLM\Software\Microsoft, in any case and with either slash
    #[arg(value_name = "KEY")]
    key: String,
    /// What one layer says, with the marks of what it deletes; the base is layer 0
    #[arg(long, value_name = "N")]
    layer: Option<usize>,
    /// Only this value; the empty name is the default value
    #[arg(short = 'v', long, value_name = "NAME")]
    value: Option<String>,
    /// All keys below, too
    #[arg(short = 's', long)]
    recursive: bool,
    /// A JSON document with everything that is known
    #[arg(long)]
    json: bool,
}

/// The document of `--json`: a key.
#[derive(Debug, Serialize)]
struct ShownKey {
    key: String,
    modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    security: Option<String>,
    /// In a layer: how it lies over the key below.
    #[serde(skip_serializing_if = "Option::is_none")]
    layering: Option<&'static str>,
    layers: Vec<usize>,
    values: Vec<ShownValue>,
    subkeys: Vec<String>,
}

/// A value.
#[derive(Debug, Serialize)]
struct ShownValue {
    name: String,
    /// None for one that a layer deletes.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// A text, a list of texts, a number, or hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Json>,
    /// As reg.exe prints it.
    #[serde(skip)]
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<usize>,
}

/// The registry that is shown: of all layers or of one.
struct Shown {
    registry: Registry,
    trees: BTreeMap<&'static str, Tree>,
    layer: Option<usize>,
}

impl Reg {
    /// Prints the key as `reg query` does.
    pub fn perform(self, places: &Places) -> Outcome {
        let view = view(&self.image, places)?;
        let path = KeyPath::parse(&self.key).map_err(failure)?;
        let registry = match self.layer {
            Some(layer) => Registry::of_one(&view, layer),
            None => Registry::of(&view),
        };
        let shown = Shown::of(registry.map_err(failure)?, self.layer);
        let mut keys = Vec::new();
        match path.mount() {
            Some(_) => shown.gather(&path, self.recursive, &mut keys),
            // HKLM and HKU are no keys of a hive; what is below them are.
            None => shown.hives_below(&path).into_iter().for_each(|path| {
                if self.recursive {
                    shown.gather(&path, true, &mut keys);
                }
            }),
        }
        if path.mount().is_none() && !self.recursive {
            let names: Vec<String> = shown.hives_below(&path).iter().map(ToString::to_string).collect();
            return match self.json {
                true => print_json(&names),
                false => {
                    output::text(format!("\n{}\n", names.join("\n")));
                    Ok(ExitCode::SUCCESS)
                }
            };
        }
        if let Some(name) = &self.value {
            let name = Name::from(name.as_str());
            for key in &mut keys {
                key.values.retain(|value| Name::from(value.name.as_str()).same(&name));
            }
            keys.retain(|key| !key.values.is_empty());
        }
        if keys.is_empty() {
            return Err(Failure::new(NOT_FOUND));
        }
        match (self.json, self.recursive) {
            (true, true) => print_json(&keys),
            (true, false) => print_json(&keys[0]),
            (false, _) => {
                keys.iter().for_each(|key| print(key, !self.recursive && self.value.is_none()));
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl Shown {
    fn of(registry: Registry, layer: Option<usize>) -> Self {
        let mut trees = BTreeMap::new();
        for mount in Mount::ALL {
            let tree = match layer {
                Some(layer) => registry.of_layer(layer, mount).map(|hive| hive.tree.clone()),
                None => registry.merged(mount),
            };
            trees.extend(tree.map(|tree| (name_of(mount), tree)));
        }
        Self { registry, trees, layer }
    }

    fn hives_below(&self, path: &KeyPath) -> Vec<KeyPath> {
        let there = path.hives_below().into_iter().filter(|mount| self.trees.contains_key(name_of(*mount)));
        there.map(KeyPath::of_mount).collect()
    }

    fn gather(&self, path: &KeyPath, recursive: bool, keys: &mut Vec<ShownKey>) {
        let tree = |mount| self.trees.get(name_of(mount));
        if let Some(found) = registry::find(&tree, path) {
            self.add(&found.path, found.key, recursive, keys);
        }
    }

    fn add(&self, path: &KeyPath, key: &Key, recursive: bool, keys: &mut Vec<ShownKey>) {
        let values = key.entries().map(|(name, entry)| {
            let value = match entry {
                Entry::Value(value) => Some(value),
                Entry::Tombstone => None,
            };
            ShownValue {
                name: name.to_string(),
                kind: value.map(|value| type_name(value.kind())),
                data: value.map(data_json),
                text: value.map(data_text).unwrap_or_default(),
                layer: match self.layer {
                    Some(layer) => Some(layer),
                    None => registry::layers_that_have(&self.registry, path, Some(name)).first().copied(),
                },
            }
        });
        keys.push(ShownKey {
            key: path.to_string(),
            modified: key.time.to_string(),
            class: key.class.as_ref().map(ToString::to_string),
            security: sddl::text(key.security.bytes()).ok(),
            layering: self.layer.map(|_| layering(key.layer.semantics)),
            layers: match self.layer {
                Some(layer) => vec![layer],
                None => registry::layers_that_have(&self.registry, path, None),
            },
            values: values.collect(),
            subkeys: key.subkeys().map(|(name, _)| path.join(&[name.to_string()]).to_string()).collect(),
        });
        if recursive {
            for (name, child) in key.subkeys() {
                self.add(&path.join(&[name.to_string()]), child, true, keys);
            }
        }
    }
}

fn name_of(mount: Mount) -> &'static str {
    mount.config_file().unwrap_or("NTUSER.DAT")
}

fn layering(semantics: Semantics) -> &'static str {
    match semantics {
        Semantics::Merge => "merge",
        Semantics::Tombstone => "tombstone",
        Semantics::SupersedeLocal => "supersede-local",
        Semantics::SupersedeTree => "supersede-tree",
    }
}

fn print(key: &ShownKey, with_subkeys: bool) {
    let deleted = if key.layering == Some("tombstone") { "    (deleted)" } else { "" };
    let mut text = format!("\n{}{deleted}\n", printable(&key.key));
    for value in &key.values {
        let name = if value.name.is_empty() { "(Default)".to_owned() } else { printable(&value.name) };
        match &value.kind {
            Some(kind) => text.push_str(&format!("    {name}    {kind}    {}\n", value.text)),
            None => text.push_str(&format!("    {name}    (deleted)\n")),
        }
    }
    if with_subkeys && !key.subkeys.is_empty() {
        if !key.values.is_empty() {
            text.push('\n');
        }
        key.subkeys.iter().for_each(|subkey| text.push_str(&format!("{}\n", printable(subkey))));
    }
    output::text(text);
}
