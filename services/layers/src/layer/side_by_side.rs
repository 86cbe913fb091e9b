//! Unpacks the layers of an image side by side. A layer waits for those below it only when a further name of a file leads there.

use super::{BaseLayers, Beneath};
use crate::digest::Digest;
use crate::error::LayersError;
use crate::image::chain_ids;
use crate::oci::Descriptor;
use crate::store::Store;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Layers that are unpacked at once. Each has threads of its own; what one more gives is that something is done while another waits for
/// the disk.
const AT_ONCE: usize = 3;

/// Who hears the number of each layer, from the base, before it is unpacked (false) and when it is done (true).
pub(crate) type Watch<'a> = dyn FnMut(usize, bool) + Send + 'a;

/// The layers of one image.
pub(crate) struct SideBySide<'a> {
    store: &'a Store,
    /// Base first, as are the diff ids.
    layers: &'a [Descriptor],
    diff_ids: &'a [Digest],
    chain_ids: Vec<Digest>,
    base: BaseLayers,
    state: Mutex<State<'a>>,
    changed: Condvar,
}

struct State<'a> {
    /// The lowest layer that nobody has begun with.
    next: usize,
    done: Vec<Option<PathBuf>>,
    is_over: bool,
    failure: Option<LayersError>,
    watch: &'a mut Watch<'a>,
}

impl<'a> SideBySide<'a> {
    /// The layers with their diff ids, as many as there are of both.
    pub(crate) fn new(
        store: &'a Store,
        (layers, diff_ids): (&'a [Descriptor], &'a [Digest]),
        base: BaseLayers,
        watch: &'a mut Watch<'a>,
    ) -> Self {
        let count = layers.len().min(diff_ids.len());
        let state = State { next: 0, done: vec![None; count], is_over: false, failure: None, watch };
        let chain_ids = chain_ids(diff_ids);
        Self { store, layers, diff_ids, chain_ids, base, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Unpacks those that are not yet.
    ///
    /// # Errors
    /// The first that a layer has failed with. Layers that are done stay.
    pub(crate) fn unpack(self) -> Result<(), LayersError> {
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(self.layers.len()) {
                scope.spawn(|| self.work());
            }
        });
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.failure.map_or(Ok(()), Err)
    }

    /// Takes the lowest layer that nobody has begun with, until there is none: so whoever waits for a layer waits for somebody who works.
    fn work(&self) {
        let _over = OverAtPanic(self);
        while let Some(at) = self.take() {
            let unpacked = self.one(at);
            let mut state = self.state();
            match unpacked {
                Ok(layer) => state.done[at] = Some(layer),
                Err(error) => {
                    state.is_over = true;
                    state.failure.get_or_insert(error);
                }
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    fn take(&self) -> Option<usize> {
        let mut state = self.state();
        let at = state.next;
        let is_left = !state.is_over && at < state.done.len();
        is_left.then(|| {
            state.next += 1;
            at
        })
    }

    fn one(&self, at: usize) -> Result<PathBuf, LayersError> {
        let (diff_id, chain) = (&self.diff_ids[at], &self.chain_ids[at]);
        let known = self.store.layer_in_chain(diff_id, chain);
        if known.is_dir() {
            return Ok(known);
        }
        (self.state().watch)(at, false);
        let below = || self.below(at);
        let beneath = Beneath { layers: &below, base: self.base };
        let layer = self.store.unpack_layer(&self.layers[at], diff_id, chain, beneath)?;
        (self.state().watch)(at, true);
        Ok(layer)
    }

    /// The layers below one, topmost first, when they are there.
    fn below(&self, at: usize) -> Result<Vec<PathBuf>, LayersError> {
        let waits = |state: &mut State<'_>| !state.is_over && state.done[..at].iter().any(Option::is_none);
        let state = self.changed.wait_while(self.state(), waits).unwrap_or_else(PoisonError::into_inner);
        let layers: Option<Vec<PathBuf>> = state.done[..at].iter().rev().cloned().collect();
        layers.ok_or_else(|| LayersError::damaged(self.diff_ids[at].to_string(), "a layer below it was not unpacked"))
    }

    fn state(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody waits for a thread that has panicked.
struct OverAtPanic<'a, 'b>(&'a SideBySide<'b>);

impl Drop for OverAtPanic<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state().is_over = true;
            self.0.changed.notify_all();
        }
    }
}
