//! The registry of an image: the hives of all its layers, each layer's by itself and what they make together.

mod path;
mod text;

pub use path::{KeyPath, Root};
pub use text::{data_json, data_text, type_name};

use crate::content::Wanted;
use crate::entry::{Entry, Kind};
use crate::error::ViewError;
use crate::finding::Findings;
use crate::name::{HIVES, fold};
use crate::rule::Rule;
use crate::tree::At;
use crate::view::ImageView;
use casement_hive::{Hive, Key, Name, Tree, compose, flatten};
use casement_nt::hives::Mount;

/// Largest hive that is read, in bytes.
pub const MAX_HIVE: u64 = 512 << 20;
/// Files of the volume that are hives of no layer: the default user's profile.
const USER_HIVE: &str = "Files/Users/Default/NTUSER.DAT";
const CONFIG: &str = "Files/Windows/System32/config";
/// What stands in front of Wine's text of a registry.
const WINE_TEXT: &[u8] = b"WINE REGISTRY";

/// What a hive's file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HiveKind {
    /// `Hives/*_Base`: a whole registry.
    Base,
    /// `Hives/*_Delta`: what a layer changes.
    Delta,
    /// A file of the volume: `System32\config\SYSTEM`, `NTUSER.DAT`.
    File,
}

/// A hive of a layer.
#[derive(Debug, Clone)]
pub struct LayerHive {
    /// Number of the layer.
    pub layer: usize,
    /// Where it belongs.
    pub mount: Mount,
    /// What its file is.
    pub kind: HiveKind,
    /// The file, from the top of the layer.
    pub file: String,
    /// Its keys.
    pub tree: Tree,
    /// Whether its base block says that it may have layered keys.
    pub layered: bool,
    /// Whether its two sequence numbers differ: its last write did not end.
    pub dirty: bool,
}

/// All hives of an image, base first.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// The hives of layers.
    pub hives: Vec<LayerHive>,
}

/// What the name of a file in `Hives` says.
pub fn hive_of_name(name: &str) -> Option<(Mount, HiveKind)> {
    let folded = fold(name);
    let is = |known: Option<&str>| known.is_some_and(|known| fold(known) == folded);
    let mut mounts = Mount::OF_LAYERS.into_iter();
    mounts.find_map(|mount| match () {
        () if is(mount.base_file()) => Some((mount, HiveKind::Base)),
        () if is(mount.delta_file()) => Some((mount, HiveKind::Delta)),
        () => None,
    })
}

impl Registry {
    /// Reads the hives of all layers that are here.
    ///
    /// # Errors
    /// When one does not load.
    pub fn of(view: &ImageView) -> Result<Self, ViewError> {
        let mut registry = Self::default();
        for (number, layer) in view.layers.iter().enumerate() {
            if layer.index.is_some() {
                registry.hives.extend(Self::of_one(view, number)?.hives);
            }
        }
        Ok(registry)
    }

    /// Reads the hives of one layer.
    ///
    /// # Errors
    /// When the layer is not here, or one does not load.
    pub fn of_one(view: &ImageView, layer: usize) -> Result<Self, ViewError> {
        let mut failure = None;
        let hives = hives_of_layer(view, layer, &mut |hive, why| {
            failure.get_or_insert(match why {
                Refused::Hive(source) => ViewError::Hive { hive: hive.to_owned(), layer, source },
                Refused::Wine => ViewError::unfit(hive, "is a registry of Wine, not a hive"),
                Refused::TooLarge => {
                    let limit = format!("hives have at most {} MB", MAX_HIVE >> 20);
                    ViewError::TooLarge { what: hive.to_owned(), limit }
                }
            });
        })?;
        match failure {
            Some(failure) => Err(failure),
            None => Ok(Self { hives }),
        }
    }

    /// The registry that the layers make of one hive; `None` when no layer has it. A base that is not here is taken to be
    /// empty.
    pub fn merged(&self, mount: Mount) -> Option<Tree> {
        let mut layers = self.layers_of(mount).map(|hive| &hive.tree);
        let first = layers.next()?.clone();
        Some(flatten(layers.fold(first, compose)))
    }

    /// The hives of one place, base first. What stands in a file of the volume counts only where no layer has a base, and only the
    /// topmost such file.
    pub fn layers_of(&self, mount: Mount) -> impl DoubleEndedIterator<Item = &LayerHive> {
        let of_mount = move |hive: &&LayerHive| hive.mount == mount;
        let has_base = self.hives.iter().filter(of_mount).any(|hive| hive.kind == HiveKind::Base);
        let topmost = self.hives.iter().filter(of_mount).filter(|hive| hive.kind == HiveKind::File);
        let topmost = topmost.map(|hive| hive.layer).max();
        self.hives.iter().filter(of_mount).filter(move |hive| match hive.kind {
            HiveKind::File => !has_base && Some(hive.layer) == topmost,
            HiveKind::Base | HiveKind::Delta => true,
        })
    }

    /// The hive of one layer.
    pub fn of_layer(&self, layer: usize, mount: Mount) -> Option<&LayerHive> {
        let of_layer = |hive: &&LayerHive| hive.layer == layer && hive.mount == mount;
        let own = self.hives.iter().filter(of_layer);
        own.min_by_key(|hive| hive.kind == HiveKind::File)
    }
}

/// Why a file is no hive that can be read.
#[derive(Debug)]
pub enum Refused {
    /// It is damaged.
    Hive(casement_hive::HiveError),
    /// It is Wine's text.
    Wine,
    /// It is larger than [`MAX_HIVE`].
    TooLarge,
}

/// Reads the hives of one layer; those that do not load are told to `refuse`.
///
/// # Errors
/// When the layer cannot be read.
pub fn hives_of_layer(
    view: &ImageView,
    layer: usize,
    refuse: &mut dyn FnMut(&str, Refused),
) -> Result<Vec<LayerHive>, ViewError> {
    let index = view.index(layer)?;
    let mut found: Vec<(Mount, HiveKind, &Entry, Wanted<'_>)> = Vec::new();
    for (number, entry) in index.entries.iter().enumerate() {
        let Kind::File(content) = &entry.kind else { continue };
        let Some((mount, kind)) = place_of(entry) else { continue };
        if content.size > MAX_HIVE {
            refuse(&entry.path, Refused::TooLarge);
            continue;
        }
        // Of a name that is there twice, the later counts.
        found.retain(|(_, _, other, _)| fold(&other.path) != fold(&entry.path));
        found.push((mount, kind, entry, (At { layer, entry: number }, None, content)));
    }
    let has_hives = found.iter().any(|(_, kind, ..)| *kind == HiveKind::Base);
    found.retain(|(mount, kind, ..)| *kind != HiveKind::File || !has_hives || *mount == Mount::User);
    let wanted: Vec<Wanted<'_>> = found.iter().map(|(.., wanted)| *wanted).collect();
    let mut hives = Vec::new();
    view.read_contents(layer, &wanted, &mut |number, reader| {
        let (mount, kind, entry, _) = &found[number];
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(ViewError::io("read", &entry.path))?;
        if bytes.starts_with(WINE_TEXT) {
            refuse(&entry.path, Refused::Wine);
            return Ok(());
        }
        match Hive::read(&bytes) {
            Ok(Hive { tree, base }) => {
                let (layered, dirty) = (base.layered, bytes.get(4..8) != bytes.get(8..12));
                let file = entry.path.clone();
                hives.push(LayerHive { layer, mount: *mount, kind: *kind, file, tree, layered, dirty });
            }
            Err(error) => refuse(&entry.path, Refused::Hive(error)),
        }
        Ok(())
    })?;
    Ok(hives)
}

/// The hive that an entry of a layer is, if it is one.
fn place_of(entry: &Entry) -> Option<(Mount, HiveKind)> {
    let path = fold(&entry.path);
    if let Some((top, name)) = entry.path.split_once('/')
        && fold(top) == fold(HIVES)
    {
        return hive_of_name(name);
    }
    if path == fold(USER_HIVE) {
        return Some((Mount::User, HiveKind::File));
    }
    let name = path.strip_prefix(&fold(CONFIG))?.strip_prefix('/')?;
    let mut mounts = Mount::OF_LAYERS.into_iter();
    mounts.find(|mount| mount.config_file() == Some(name)).map(|mount| (mount, HiveKind::File))
}

/// A key in the view of an image, or of one layer.
#[derive(Debug, Clone)]
pub struct Found<'a> {
    /// Its path, spelled as it is there.
    pub path: KeyPath,
    /// The key.
    pub key: &'a Key,
}

/// Finds keys in trees, through symbolic links and `CurrentControlSet`.
pub fn find<'a>(trees: &'a dyn Fn(Mount) -> Option<&'a Tree>, path: &KeyPath) -> Option<Found<'a>> {
    let mut path = path.clone();
    for _ in 0..MAX_LINKS {
        let tree = trees(path.mount()?)?;
        match walk(tree, &path) {
            Walked::Found(key, components) => return Some(Found { path: path.with(components), key }),
            Walked::Link(target) => path = target,
            Walked::Nowhere => return None,
        }
    }
    None
}

/// Most links on the way to one key.
const MAX_LINKS: usize = 16;
const CURRENT: &str = "CurrentControlSet";

enum Walked<'a> {
    Found(&'a Key, Vec<String>),
    Link(KeyPath),
    Nowhere,
}

fn walk<'a>(tree: &'a Tree, path: &KeyPath) -> Walked<'a> {
    let mut key = &tree.root;
    let mut spelled = Vec::new();
    let parts = path.below_hive();
    for (depth, part) in parts.iter().enumerate() {
        let name = Name::from(part.as_str());
        let found = key.subkeys().find(|(known, _)| known.same(&name));
        let Some((known, child)) = found else {
            // Windows makes this link at each start, so that no hive has it.
            let is_current = depth == 0 && path.mount() == Some(Mount::System) && fold(part) == fold(CURRENT);
            let Some(set) = is_current.then(|| control_set(tree)).flatten() else { return Walked::Nowhere };
            let rest = std::iter::once(set).chain(parts[1..].iter().cloned()).collect();
            return Walked::Link(path.with(rest));
        };
        spelled.push(known.to_string());
        key = child;
        if key.flags.is_link() {
            let target = key.value(&Name::from("SymbolicLinkValue"));
            let target = target.and_then(|value| String::from_utf16(&value.units()).ok());
            let Some(target) = target.and_then(|target| KeyPath::of_native(target.trim_end_matches('\0'))) else {
                return Walked::Nowhere;
            };
            return Walked::Link(target.join(&parts[depth + 1..]));
        }
    }
    Walked::Found(key, spelled)
}

/// The name of the control set that is the current one.
fn control_set(system: &Tree) -> Option<String> {
    let number = system.key("Select")?.value(&Name::from("Current"))?.as_dword()?;
    Some(format!("ControlSet{:03}", number.min(999)))
}

/// The layers whose hives say something of a value, or of the key itself: topmost first.
pub fn layers_that_have(registry: &Registry, path: &KeyPath, value: Option<&Name>) -> Vec<usize> {
    let Some(mount) = path.mount() else { return Vec::new() };
    let parts = path.below_hive().join("\\");
    let has =
        |hive: &&LayerHive| hive.tree.key(&parts).is_some_and(|key| value.is_none_or(|name| key.entry(name).is_some()));
    registry.layers_of(mount).rev().filter(has).map(|hive| hive.layer).collect()
}

/// What is wrong with the hives of an image in relation to each other and to their layers.
pub fn check(registry: &Registry, has_base: bool, findings: &mut Findings) {
    for hive in &registry.hives {
        let bases_below = registry
            .hives
            .iter()
            .any(|other| other.mount == hive.mount && other.kind != HiveKind::Delta && other.layer < hive.layer);
        let object = format!("layer {}: {}", hive.layer, hive.file);
        match hive.kind {
            HiveKind::Delta if hive.layer == 0 && has_base => {
                findings.add(Rule::DeltaInBase, &object, "is a delta in the base layer");
            }
            HiveKind::Delta if !bases_below && has_base => {
                findings.add(Rule::DeltaWithoutBase, &object, "no layer below has a base of it");
            }
            HiveKind::Base if hive.layer > 0 => {
                findings.add(Rule::BaseInUpper, &object, "is a whole hive in an upper layer")
            }
            _ => {}
        }
        if hive.kind == HiveKind::Delta && !hive.layered {
            findings.add(Rule::DeltaNotLayered, &object, "its base block has no flag for layered keys");
        }
        if hive.kind != HiveKind::File && hive.dirty {
            findings.add(Rule::HiveDirty, &object, "its two sequence numbers differ");
        }
    }
}
