//! `image ls-files`: list the files of an image.

use std::fmt::Write;
use std::process::ExitCode;

use casement_image_view::describe::Described;
use casement_image_view::entry::attribute_letters;
use casement_image_view::name::fold;
use casement_image_view::tree::{At, TOP};
use casement_image_view::{ImageView, Space, ViewPath};
use clap::Args;
use serde::Serialize;

use super::{Outcome, failure, print_json, printable, view};
use crate::arguments::Places;
use crate::output;

/// Flags of `image ls-files`.
#[derive(Debug, Args)]
pub struct LsFiles {
    /// Image
    #[arg(value_name = "IMAGE")]
    image: String,
    /// File or directory on volume C:, in any case and with either slash; all when left out
    #[arg(value_name = "PATH")]
    path: Option<String>,
    /// Entries of one layer as they stand in it, also deletions; the base is layer 0
    #[arg(long, value_name = "N")]
    layer: Option<usize>,
    /// Also what is not on volume C:; PATH then begins with Files, Hives or UtilityVM
    #[arg(long)]
    raw: bool,
    /// Only names
    #[arg(short = 'q', long)]
    quiet: bool,
    /// A JSON document with everything that is known
    #[arg(long)]
    json: bool,
}

/// The document of `--json`.
#[derive(Debug, Serialize)]
struct Listing<'a> {
    image: &'a str,
    /// The base of Microsoft's that Casement's is in the place of.
    #[serde(skip_serializing_if = "Option::is_none")]
    base_substituted: Option<&'a str>,
    layers: Vec<ListedLayer>,
    files: Vec<Described>,
}

/// A layer of an image.
#[derive(Debug, Serialize)]
struct ListedLayer {
    layer: usize,
    diff_id: Option<String>,
    blob: Option<String>,
    here: bool,
}

impl LsFiles {
    /// Prints a line for each name, directories before what is in them.
    pub fn perform(self, places: &Places) -> Outcome {
        let view = view(&self.image, places)?;
        let space = if self.raw { Space::Layer } else { Space::Volume };
        let path = ViewPath::parse(self.path.as_deref().unwrap_or_default(), space).map_err(failure)?;
        let files = match self.layer {
            Some(layer) => of_layer(&view, layer, &path).map_err(failure)?,
            None => whole(&view, &path).map_err(failure)?,
        };
        if self.json {
            let layers = view.layers.iter().enumerate().map(|(layer, known)| ListedLayer {
                layer,
                diff_id: known.index.as_ref().map(|index| index.diff_id.to_string()),
                blob: known.source.descriptor.as_ref().map(|descriptor| descriptor.digest.clone()),
                here: known.index.is_some(),
            });
            return print_json(&Listing {
                image: &view.source.name,
                base_substituted: view.source.substituted(),
                layers: layers.collect(),
                files,
            });
        }
        let mut text = String::new();
        for file in &files {
            match self.quiet {
                true => text.push_str(&printable(&file.path)),
                false => text.push_str(&line(file)),
            }
            text.push('\n');
        }
        output::text(text);
        Ok(ExitCode::SUCCESS)
    }
}

/// Names of the whole image at and below a path.
fn whole(view: &ImageView, path: &ViewPath) -> Result<Vec<Described>, casement_image_view::ViewError> {
    let from = match path.components() {
        [] => TOP,
        _ => view.find(path)?,
    };
    Ok(view.tree.walk(from).filter(|id| *id != TOP).map(|id| view.describe(id)).collect())
}

/// Entries of a layer at and below a path, in the order of the layer.
fn of_layer(view: &ImageView, layer: usize, path: &ViewPath) -> Result<Vec<Described>, casement_image_view::ViewError> {
    let wanted: Vec<String> = path.components().iter().map(|part| fold(part)).collect();
    let is_below = |name: &str| {
        let mut parts = name.split('/');
        wanted.iter().all(|part| parts.next().is_some_and(|name| fold(name) == *part))
    };
    let entries = view.index(layer)?.entries.iter().enumerate();
    let found = entries.filter(|(_, entry)| is_below(&entry.path));
    Ok(found.map(|(number, entry)| view.describe_entry(At { layer, entry: number }, entry)).collect())
}

/// `--a-h-     1234  2023-11-14 22:13:20  0  C:\path -> target`
fn line(file: &Described) -> String {
    let letters = match file.kind {
        "whiteout" => "gone  ".to_owned(),
        _ => attribute_letters(file.attributes_value),
    };
    let size = file.size.map_or_else(String::new, |size| size.to_string());
    let time = file.modified.as_deref().and_then(|time| time.get(..19)).unwrap_or_default().replace('T', " ");
    let layer = file.layer.map_or_else(|| "-".to_owned(), |layer| layer.to_string());
    let mut text = format!("{letters}  {size:>12}  {time:>19}  {layer:>2}  {}", printable(&file.path));
    if let Some(target) = file.target.as_ref().or(file.hard_link_of.as_ref()) {
        let arrow = if file.hard_link_of.is_some() { "=" } else { "->" };
        let _ = write!(text, " {arrow} {}", printable(target));
    }
    for stream in &file.streams {
        let _ = write!(
            text,
            "\n{:>22}  {:>19}  {layer:>2}  {}:{}",
            stream.size,
            "",
            printable(&file.path),
            printable(&stream.name)
        );
    }
    text
}
