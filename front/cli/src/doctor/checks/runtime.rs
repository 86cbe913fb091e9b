//! Line `runtime`: the Wine that containers run on.

use std::path::Path;

use casement_nt::runtime::{Runtime, RuntimeError};

use super::super::{Line, Topic, Verdict};
use super::chain;

pub fn built(root: &Path) -> Line {
    let topic = Topic::Runtime;
    match Runtime::current(root) {
        Ok(runtime) => {
            let info = runtime.info();
            let id: String = info.id.chars().take(12).collect();
            if runtime.tree().is_dir() {
                let found = format!("Wine {}, {id}", info.wine_version);
                Line::new(topic, Verdict::Ok, found, "Windows programs can run")
            } else {
                let found = format!("{id} has lost its tree");
                Line::new(topic, Verdict::Missing, found, "no container runs: casement runtime build")
            }
        }
        Err(RuntimeError::NotBuilt { .. }) if hidden(root) => {
            let found = format!("{} cannot be read", root.display());
            Line::new(topic, Verdict::Unchecked, found, "run it as root to know")
        }
        Err(RuntimeError::NotBuilt { .. }) => {
            let found = format!("none in {}", root.display());
            Line::new(topic, Verdict::Missing, found, "no container runs yet: casement runtime build")
        }
        Err(error) => Line::failed(topic, Verdict::Missing, chain(&error), "no container runs: casement runtime build"),
    }
}

fn hidden(root: &Path) -> bool {
    let looked = std::fs::read_dir(root.join("runtimes"));
    looked.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}
