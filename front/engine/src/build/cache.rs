//! What earlier builds made: steps and hashes in the engine's database, the images of steps in the layer store.

use std::collections::BTreeSet;

use casement_layers::{Digest, Store};
use redb::{ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::store::lift;

/// Steps: what they are known by, to what they came to (JSON).
pub(crate) const STEPS: TableDefinition<&str, &[u8]> = TableDefinition::new("build_steps");
/// Hashes of files in images: where they are, to the hash.
pub(crate) const HASHES: TableDefinition<&str, &str> = TableDefinition::new("build_hashes");

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedStep {
    /// What it is known by.
    #[serde(skip)]
    pub key: String,
    /// The manifest of its image.
    pub manifest: Digest,
    /// The command, for people.
    pub what: String,
    /// When it was made, RFC 3339.
    pub created: String,
}

/// What a removal from the cache came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The steps that are gone.
    pub steps: Vec<String>,
    /// Bytes that they took.
    pub freed: u64,
}

/// What a step takes of the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepUsage {
    /// The step.
    pub step: CachedStep,
    /// Bytes of the layer that it added; none for a step that added no layer.
    pub bytes: u64,
    /// Whether an image that is listed has that layer, too.
    pub shared: bool,
}

impl Engine {
    /// Every step in the cache whose image is there, with what its layer takes. Each layer counts once.
    ///
    /// # Errors
    /// When the database or the layer store cannot be read.
    pub fn build_cache_usage(&self) -> Result<Vec<StepUsage>> {
        let failed = |error: casement_layers::LayersError| Error::Layers(casement_silo::error_chain(&error));
        let store = Store::open(&self.root).map_err(failed)?;
        let listed: BTreeSet<Digest> = self.images.all()?.into_iter().flat_map(|image| image.diff_ids).collect();
        let mut seen = BTreeSet::new();
        let mut usage = Vec::new();
        for step in self.cached_steps()? {
            let Some(image) = store.step_image(&step.manifest).map_err(failed)? else { continue };
            let Some((top, size)) = store.layer_sizes(&image).pop() else { continue };
            let bytes = if seen.insert(top.clone()) { size } else { 0 };
            usage.push(StepUsage { step, bytes, shared: listed.contains(&top) });
        }
        Ok(usage)
    }

    pub(super) fn cached_step(&self, key: &str) -> Result<Option<CachedStep>> {
        let transaction = lift(self.store.database().begin_read())?;
        let table = lift(transaction.open_table(STEPS))?;
        let found = lift(table.get(key))?;
        Ok(found.and_then(|json| parse(key, json.value())))
    }

    pub(super) fn cache_step(&self, step: &CachedStep) -> Result<()> {
        let json = serde_json::to_vec(step).map_err(|error| Error::Store(format!("build cache: {error}")))?;
        let transaction = lift(self.store.database().begin_write())?;
        {
            let mut table = lift(transaction.open_table(STEPS))?;
            lift(table.insert(step.key.as_str(), json.as_slice()))?;
        }
        lift(transaction.commit())
    }

    pub(super) fn cached_hash(&self, key: &str) -> Result<Option<String>> {
        let transaction = lift(self.store.database().begin_read())?;
        let table = lift(transaction.open_table(HASHES))?;
        Ok(lift(table.get(key))?.map(|hash| hash.value().to_owned()))
    }

    pub(super) fn cache_hash(&self, key: &str, hash: &str) -> Result<()> {
        let transaction = lift(self.store.database().begin_write())?;
        {
            let mut table = lift(transaction.open_table(HASHES))?;
            lift(table.insert(key, hash))?;
        }
        lift(transaction.commit())
    }

    /// Every step in the cache, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn cached_steps(&self) -> Result<Vec<CachedStep>> {
        let transaction = lift(self.store.database().begin_read())?;
        let table = lift(transaction.open_table(STEPS))?;
        let mut steps = Vec::new();
        for row in lift(table.iter())? {
            let (key, json) = lift(row)?;
            steps.extend(parse(key.value(), json.value()));
        }
        steps.sort_by(|one, other| one.created.cmp(&other.created));
        Ok(steps)
    }

    /// Removes steps from the cache that `chosen` admits: those that no image with a name is built on, and with `all` the others,
    /// too. Images with names stay whole. Caches of `RUN --mount=type=cache` go as well unless somebody chooses among steps.
    ///
    /// # Errors
    /// When something cannot be removed; what was removed stays so.
    pub fn prune_build_cache(&self, all: bool, chosen: Option<&dyn Fn(&CachedStep) -> bool>) -> Result<Pruned> {
        let _turn = self.image_removals();
        let failed = |error: casement_layers::LayersError| Error::Layers(casement_silo::error_chain(&error));
        let store = Store::open(&self.root).map_err(failed)?;
        let kept: Vec<Vec<Digest>> = match all {
            true => Vec::new(),
            false => self.images.all()?.into_iter().map(|image| image.diff_ids).collect(),
        };
        let mut pruned = Pruned::default();
        let mut forgotten = BTreeSet::new();
        for step in self.cached_steps()? {
            let image = store.step_image(&step.manifest).map_err(failed)?;
            let is_below = |image: &casement_layers::Image| kept.iter().any(|ids| ids.starts_with(&image.diff_ids));
            if image.as_ref().is_some_and(is_below) || chosen.is_some_and(|chosen| !chosen(&step)) {
                continue;
            }
            pruned.steps.push(step.key);
            forgotten.insert(step.manifest);
        }
        let transaction = lift(self.store.database().begin_write())?;
        {
            let mut table = lift(transaction.open_table(STEPS))?;
            for key in &pruned.steps {
                lift(table.remove(key.as_str()))?;
            }
            let mut hashes = lift(transaction.open_table(HASHES))?;
            if chosen.is_none() {
                lift(hashes.retain(|_, _| false))?;
            }
        }
        lift(transaction.commit())?;
        pruned.freed = store.forget_steps(&forgotten).map_err(failed)?;
        if chosen.is_none() {
            pruned.freed += self.remove_cache_directories()?;
        }
        let attributes = [("reclaimed".to_owned(), pruned.freed.to_string())].into();
        self.events().publish("builder", "prune", "", attributes);
        Ok(pruned)
    }
}

fn parse(key: &str, json: &[u8]) -> Option<CachedStep> {
    // A record that cannot be read is a step that is not in the cache.
    let step: CachedStep = serde_json::from_slice(json).ok()?;
    Some(CachedStep { key: key.to_owned(), ..step })
}
