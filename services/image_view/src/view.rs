//! A whole image: its layers and the tree that they make.

use crate::content::LayerReader;
use crate::entry::{Content, Entry, Kind};
use crate::error::ViewError;
use crate::finding::Findings;
use crate::index::LayerIndex;
use crate::name::ViewPath;
use crate::scan::{scan_archive, scan_directory};
use crate::source::{LayerSource, Source};
use crate::tree::{At, NodeId, Tree};
use std::io::{self, Read, Write};

/// Most links that are followed on the way to one file, as on Windows (63 reparse points).
const MAX_LINKS: usize = 63;

/// A layer and what is in it.
#[derive(Debug)]
pub struct Layer {
    /// Where it comes from.
    pub source: LayerSource,
    /// Its entries; `None` for a layer that is not here.
    pub index: Option<LayerIndex>,
}

/// An image that can be looked at.
#[derive(Debug)]
pub struct ImageView {
    /// Where it comes from.
    pub source: Source,
    /// Its layers, base first.
    pub layers: Vec<Layer>,
    /// The tree of names that they make.
    pub tree: Tree,
    /// What is wrong with the layers in relation to each other.
    pub findings: Findings,
}

impl ImageView {
    /// Reads what is in the layers of an image, or takes it from the cache. Layers that are not here are left out:
    /// [`ImageView::missing`] tells them.
    ///
    /// # Errors
    /// For images of other systems, images of which no layer is here, and layers that cannot be read.
    pub fn of(source: Source) -> Result<Self, ViewError> {
        source.require_windows()?;
        if !source.layers.is_empty() && source.layers.iter().all(|layer| !layer.is_here()) {
            return Err(source.not_here(0));
        }
        let layers = source
            .layers
            .iter()
            .enumerate()
            .map(|(number, layer)| Ok(Layer { source: layer.clone(), index: index_of(&source, number, layer)? }));
        let layers = layers.collect::<Result<Vec<_>, ViewError>>()?;
        Ok(Self::laid(source, layers))
    }

    /// An image of layers whose entries are known.
    pub fn laid(source: Source, layers: Vec<Layer>) -> Self {
        let (mut tree, mut findings) = (Tree::default(), Findings::default());
        for (number, layer) in layers.iter().enumerate() {
            if let Some(index) = &layer.index {
                tree.lay(number, index, &mut findings);
            }
        }
        Self { source, layers, tree, findings }
    }

    /// The numbers of the layers that are not here.
    pub fn missing(&self) -> Vec<usize> {
        (0..self.layers.len()).filter(|number| self.layers[*number].index.is_none()).collect()
    }

    /// The layer of this number.
    ///
    /// # Errors
    /// When there is none, or it is not here.
    pub fn index(&self, number: usize) -> Result<&LayerIndex, ViewError> {
        let layer = self.layers.get(number).ok_or_else(|| ViewError::NotThere {
            image: self.source.name.clone(),
            what: format!("layer {number}"),
            hint: format!(" (they are 0, the base, to {})", self.layers.len().saturating_sub(1)),
        })?;
        layer.index.as_ref().ok_or_else(|| self.source.not_here(number))
    }

    /// An entry of a layer that is here.
    pub fn entry(&self, at: At) -> Option<&Entry> {
        self.layers.get(at.layer)?.index.as_ref()?.entries.get(at.entry)
    }

    /// The entry with content and metadata of a node, and where it is.
    pub fn file(&self, id: NodeId) -> Option<(At, &Entry)> {
        let at = self.tree.node(id).file?;
        Some((at, self.entry(at)?))
    }

    /// Whether a node is a directory, also one that only its content speaks of.
    pub fn is_directory(&self, id: NodeId) -> bool {
        match self.file(id) {
            Some((_, entry)) => matches!(entry.kind, Kind::Directory { .. }),
            None => self.tree.node(id).at.is_none(),
        }
    }

    /// The node at a path. Links on the way are followed, one at the end is not.
    ///
    /// # Errors
    /// [`ViewError::NotThere`], or when links go in a circle.
    pub fn find(&self, path: &ViewPath) -> Result<NodeId, ViewError> {
        match crate::link::walk(self, path.components(), crate::link::Last::Kept, MAX_LINKS) {
            Ok(id) => Ok(id),
            Err(crate::link::Lost::Nowhere) => Err(self.not_there(path)),
            Err(crate::link::Lost::TooManyLinks) => {
                Err(ViewError::unfit(path, "goes through more links than Windows follows, or through a circle of them"))
            }
        }
    }

    /// The file at a path, through links also at its end.
    ///
    /// # Errors
    /// As [`ImageView::find`].
    pub fn find_file(&self, path: &ViewPath) -> Result<NodeId, ViewError> {
        match crate::link::walk(self, path.components(), crate::link::Last::Followed, MAX_LINKS) {
            Ok(id) => Ok(id),
            Err(_) => self.find(path).and_then(|id| match self.file(id) {
                Some((_, Entry { kind: Kind::Symlink(target) | Kind::Junction(target), .. })) => {
                    Err(ViewError::unfit(path, format!("is a link to {target}, which leads to no file of the image")))
                }
                _ => Err(self.not_there(path)),
            }),
        }
    }

    fn not_there(&self, path: &ViewPath) -> ViewError {
        let hint = match self.missing().first() {
            Some(number) => format!(" in the layers that are here: {}", self.source.not_here(*number)),
            None => String::new(),
        };
        ViewError::NotThere { image: self.source.name.clone(), what: path.to_string(), hint }
    }

    /// Writes a file's content, or that of a stream, to `out`.
    ///
    /// # Errors
    /// When the path is no file, or its bytes cannot be read or are not those that the layer had when it was indexed.
    pub fn read(&self, id: NodeId, stream: Option<&str>, out: &mut dyn Write) -> Result<(), ViewError> {
        let shown = self.tree.shown(id);
        let (at, content) = self.content(id, stream)?;
        let mut copied = Ok(());
        self.read_contents(at.layer, &[(at, stream, content)], &mut |_, reader| {
            copied = io::copy(reader, out).map(drop).map_err(ViewError::io("write", &shown));
            Ok(())
        })?;
        copied
    }

    /// The content of a file or of a stream, and the entry that has it.
    ///
    /// # Errors
    /// When there is none.
    pub fn content(&self, id: NodeId, stream: Option<&str>) -> Result<(At, &Content), ViewError> {
        let shown = self.tree.shown(id);
        let Some((at, entry)) = self.file(id) else {
            return Err(match self.tree.node(id).at {
                Some(_) => ViewError::unfit(shown, "is a hard link to nothing"),
                None => ViewError::unfit(shown, "is a directory"),
            });
        };
        if let Some(name) = stream {
            let found = entry.streams.iter().find(|stream| crate::name::fold(&stream.name) == crate::name::fold(name));
            let missing =
                || ViewError::NotThere { image: shown, what: format!("stream \"{name}\""), hint: String::new() };
            return found.map(|stream| (at, &stream.content)).ok_or_else(missing);
        }
        match &entry.kind {
            Kind::File(content) => Ok((at, content)),
            Kind::Directory { .. } => Err(ViewError::unfit(shown, "is a directory")),
            Kind::Symlink(target) | Kind::Junction(target) => {
                Err(ViewError::unfit(shown, format!("is a link to {target}")))
            }
            _ => Err(ViewError::unfit(shown, "has no content that can be read")),
        }
    }

    /// Reads contents of one layer in one pass over it: `each` gets the number of each in `wanted`, in the order of the
    /// layer, and its bytes. Bytes that `each` leaves are skipped.
    ///
    /// # Errors
    /// What `each` fails with, or when the layer cannot be read or has changed.
    pub fn read_contents(
        &self,
        layer: usize,
        wanted: &[(At, Option<&str>, &Content)],
        each: &mut dyn FnMut(usize, &mut dyn Read) -> Result<(), ViewError>,
    ) -> Result<(), ViewError> {
        let index = self.index(layer)?;
        LayerReader::new(&self.layers[layer].source, index, layer).read(wanted, each)
    }
}

/// The index of a layer: from the cache, from its archive, or from its directory.
fn index_of(source: &Source, number: usize, layer: &LayerSource) -> Result<Option<LayerIndex>, ViewError> {
    let what = format!("layer {number} ({}) of {}", layer.digest(), source.name);
    if let (Some(cache), Some(diff_id)) = (&source.cache, &layer.diff_id) {
        let blob = layer.checked_blob.as_ref().filter(|_| layer.blob.is_some());
        if let Some(index) = cache.find(diff_id, blob) {
            return Ok(Some(index));
        }
    }
    let index = match (&layer.blob, &layer.unpacked, &layer.diff_id) {
        (Some(blob), _, _) => LayerIndex { blob: layer.checked_blob.clone(), ..scan_archive(blob, &what)? },
        (None, Some(directory), Some(diff_id)) => scan_directory(directory, diff_id)?,
        _ => return Ok(None),
    };
    if let Some(cache) = &source.cache {
        cache.keep(&index);
    }
    Ok(Some(index))
}
