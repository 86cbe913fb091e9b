//! `image cat`: write a file of an image to standard output.

use std::io::Write;
use std::process::ExitCode;

use casement_image_view::{Space, ViewPath};
use clap::Args;
use serde::Serialize;

use super::{Outcome, failure, print_json, view};
use crate::arguments::Places;
use crate::failure::Failure;
use crate::output;

/// Flags of `image cat`.
#[derive(Debug, Args)]
pub struct Cat {
    /// Image
    #[arg(value_name = "IMAGE")]
    image: String,
    /// File on volume C:, in any case and with either slash; `:NAME` behind it names a stream
    #[arg(value_name = "PATH[:STREAM]")]
    path: String,
    /// PATH begins with Files, Hives or UtilityVM
    #[arg(long)]
    raw: bool,
    /// A JSON document with the content as base64
    #[arg(long)]
    json: bool,
}

/// The document of `--json`.
#[derive(Debug, Serialize)]
struct Content {
    path: String,
    size: usize,
    base64: String,
}

impl Cat {
    /// Writes the content. Links are followed.
    pub fn perform(self, places: &Places) -> Outcome {
        let view = view(&self.image, places)?;
        let space = if self.raw { Space::Layer } else { Space::Volume };
        let path = ViewPath::parse(&self.path, space).map_err(failure)?;
        let file = view.find_file(&path).map_err(failure)?;
        if self.json {
            let mut content = Vec::new();
            view.read(file, path.stream(), &mut content).map_err(failure)?;
            use base64::Engine;
            let base64 = base64::engine::general_purpose::STANDARD.encode(&content);
            return print_json(&Content { path: view.tree.shown(file), size: content.len(), base64 });
        }
        let mut out = output::Bytes::new();
        view.read(file, path.stream(), &mut out).map_err(failure)?;
        out.flush().map_err(Failure::new)?;
        Ok(ExitCode::SUCCESS)
    }
}
