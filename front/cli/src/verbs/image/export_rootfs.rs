//! `image export-rootfs`: a plain root file system for scanners.

use std::path::PathBuf;
use std::process::ExitCode;

use casement_image_view::root_file_system::export;
use clap::Args;

use super::{Outcome, failure, print_json, view};
use crate::arguments::Places;
use crate::output;

/// Flags of `image export-rootfs`.
#[derive(Debug, Args)]
pub struct ExportRootfs {
    /// Image
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Directory that is empty, or is made
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// A JSON document with what was written
    #[arg(long)]
    json: bool,
}

impl ExportRootfs {
    /// Writes the files. Links that lead out of the image and streams have no place in plain files, which is told and is no failure.
    pub fn perform(self, places: &Places) -> Outcome {
        let view = view(&self.image, places)?;
        let written = export(&view, &self.directory).map_err(failure)?;
        if self.json {
            return print_json(&written);
        }
        let _ = super::extract::tell(&written.extracted, false);
        let files = &written.extracted;
        output::line(format_args!(
            "{} files, {} directories, {} links, {} hives",
            files.files,
            files.directories,
            files.links,
            written.hives.len()
        ));
        Ok(ExitCode::SUCCESS)
    }
}
