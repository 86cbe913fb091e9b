//! `image`: look into Windows images without running them. These verbs read the store, or what a path names, by themselves.

mod cat;
mod check;
mod diff;
mod export_rootfs;
mod extract;
mod ls_files;
mod mount;
mod reg;

use std::process::ExitCode;

use casement_image_view::source;
use casement_image_view::{ImageView, Source, ViewError};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::Outcome;
use crate::arguments::Places;
use crate::failure::Failure;
use crate::output;

/// Flags of `image`.
#[derive(Debug, Args)]
pub struct Image {
    #[command(subcommand)]
    verb: ImageVerb,
}

/// What to do with an image.
///
/// IMAGE is a name or id in the store, the path of an OCI layout, of an archive of `docker save` or of a layer, or one of these with
/// `oci:`, `docker-archive:` or `layer:` before it and `:NAME` behind it.
#[derive(Debug, Subcommand)]
enum ImageVerb {
    /// List the files of an image with what Windows knows of them
    LsFiles(ls_files::LsFiles),
    /// Write a file of an image, or a stream of one, to standard output
    Cat(cat::Cat),
    /// Copy files of an image into a directory
    Extract(extract::Extract),
    /// Say what differs between two images: files, registry, config
    Diff(diff::Diff),
    /// Write an image's files and hives as a plain root file system, for scanners
    ExportRootfs(export_rootfs::ExportRootfs),
    /// Mount volume C: of an image, read-only
    Mount(mount::Mount),
    /// Unmount an image
    #[command(alias = "unmount")]
    Umount(mount::Umount),
    /// Serve a mounted image; started by `image mount`
    #[command(hide = true)]
    Serve(mount::Serve),
    /// Check an image against the rules of the format, and explain each defect
    Check(check::Check),
    /// Show keys and values of an image's registry, as reg.exe does
    Reg(reg::Reg),
}

impl Image {
    /// Does what the command line says.
    pub fn perform(self, places: &Places) -> Outcome {
        match self.verb {
            ImageVerb::LsFiles(verb) => verb.perform(places),
            ImageVerb::Cat(verb) => verb.perform(places),
            ImageVerb::Extract(verb) => verb.perform(places),
            ImageVerb::Diff(verb) => verb.perform(places),
            ImageVerb::ExportRootfs(verb) => verb.perform(places),
            ImageVerb::Mount(verb) => verb.perform(places),
            ImageVerb::Umount(verb) => verb.perform(),
            ImageVerb::Serve(verb) => verb.perform(places),
            ImageVerb::Check(verb) => verb.perform(places),
            ImageVerb::Reg(verb) => verb.perform(places),
        }
    }
}

/// Finds an image.
fn open(image: &str, places: &Places) -> Result<Source, Failure> {
    source::open(image, &places.root).map_err(failure)
}

/// Opens an image, and says which of its layers are not here, or are not those that it was made on.
fn view(image: &str, places: &Places) -> Result<ImageView, Failure> {
    let view = ImageView::of(open(image, places)?).map_err(failure)?;
    for number in view.missing() {
        eprintln!("warning: {}", view.source.not_here(number));
    }
    if let Some(original) = view.source.substituted() {
        eprintln!("note: its base is Casement's, in the place of {}", printable(original));
    }
    Ok(view)
}

fn failure(error: ViewError) -> Failure {
    Failure::from(anyhow::Error::from(error))
}

/// Prints a document.
fn print_json(document: &impl Serialize) -> Outcome {
    output::line(serde_json::to_string_pretty(document).map_err(Failure::new)?);
    Ok(ExitCode::SUCCESS)
}

/// A name for a terminal: nothing in an image moves a cursor.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
