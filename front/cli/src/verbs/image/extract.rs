//! `image extract`: copy an image's files out.

use std::path::PathBuf;
use std::process::ExitCode;

use casement_image_view::extract::{Extracted, Style, extract};
use casement_image_view::name::FILES;
use casement_image_view::tree::TOP;
use casement_image_view::{Space, ViewPath};
use clap::Args;

use super::{Outcome, failure, print_json, printable, view};
use crate::arguments::Places;
use crate::failure::EXIT_GENERAL;

/// Flags of `image extract`.
#[derive(Debug, Args)]
pub struct Extract {
    /// Image
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Directory that is empty, or is made
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Only this file or directory of volume C:, in any case and with either slash
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// All parts of the layers, below Files, Hives and UtilityVM; PATH then begins with one of them
    #[arg(long)]
    raw: bool,
    /// A JSON document with what was copied
    #[arg(long)]
    json: bool,
}

impl Extract {
    /// Copies, and tells what Linux cannot keep. Fails if something was left out that is a file.
    pub fn perform(self, places: &Places) -> Outcome {
        let view = view(&self.image, places)?;
        let from = match (&self.path, self.raw) {
            (Some(path), raw) => {
                let space = if raw { Space::Layer } else { Space::Volume };
                view.find(&ViewPath::parse(path, space).map_err(failure)?).map_err(failure)?
            }
            (None, true) => TOP,
            (None, false) => view.tree.find([FILES]).unwrap_or(TOP),
        };
        let extracted = extract(&view, from, &self.directory, Style::Windows).map_err(failure)?;
        if self.json {
            print_json(&extracted)?;
        }
        Ok(tell(&extracted, self.json))
    }
}

/// Says on standard error what was left out, and gives the exit code.
pub fn tell(extracted: &Extracted, quiet: bool) -> ExitCode {
    if !quiet {
        for left_out in &extracted.left_out {
            eprintln!("left out: {}: {}", printable(&left_out.path), printable(&left_out.why));
        }
        if extracted.left_out_more > 0 {
            eprintln!("left out: {} more", extracted.left_out_more);
        }
    }
    match extracted.left_out.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_GENERAL),
    }
}
