//! Where the other files of an installation are: the guest agent, and our pieces of the runtime.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Variable with the directory that holds them all.
const PARTS_VARIABLE: &str = "CASEMENT_PARTS";
/// The guest agent.
pub const AGENT: &str = "casement-agent";
/// The first of the pieces of the runtime; the others lie beside it.
const LAUNCHER: &str = "CExecSvc.exe";

/// The program of this process.
///
/// # Errors
/// When the system does not say.
pub fn own_program() -> Result<PathBuf> {
    std::env::current_exe().context("cannot find the casement program")
}

/// The guest agent.
///
/// # Errors
/// When it is not where it should be.
pub fn agent() -> Result<PathBuf> {
    find(AGENT)
}

/// The directory of our pieces of the runtime.
///
/// # Errors
/// When they are not where they should be.
pub fn guest_pieces() -> Result<PathBuf> {
    let launcher = find(LAUNCHER)?;
    Ok(launcher.parent().unwrap_or(Path::new("/")).to_owned())
}

/// Looks in the directory that the variable names; or beside the program, in `guest` beside it, and in `../lib/casement`.
fn find(name: &str) -> Result<PathBuf> {
    let directories = match std::env::var_os(PARTS_VARIABLE) {
        Some(directory) => vec![PathBuf::from(directory)],
        None => {
            let program = own_program()?;
            let beside = program.parent().unwrap_or(Path::new("/"));
            vec![beside.to_owned(), beside.join("guest"), beside.join("../lib/casement")]
        }
    };
    if let Some(found) = directories.iter().map(|directory| directory.join(name)).find(|path| path.is_file()) {
        return Ok(found);
    }
    let searched: Vec<_> = directories.iter().map(|directory| directory.display().to_string()).collect();
    bail!(
        "{name} is not in {}: the installation is incomplete ({PARTS_VARIABLE} names another directory)",
        searched.join(", ")
    )
}
