//! The names in one directory of the union, found under any spelling.

use crate::layer::{Kind, LayerIndex, SCRATCH};
use crate::lease::{Lease, Moment};
use crate::name::{Folding, Spelling, same};
use hashbrown::{HashMap, HashTable};

/// Fewest dead entries that are worth sweeping out.
const SWEEP: usize = 64;
/// The layer of a tombstone that is not in the scratch.
const SOME_LAYER: LayerIndex = LayerIndex::MAX;
/// Absent names of one directory of which the kernel is told that it may remember them.
const MAX_MISSES: usize = 1 << 14;

/// A name in a directory.
#[derive(Debug, Clone)]
pub struct Entry {
    /// As the topmost layer writes it.
    pub name: Box<str>,
    /// Number of its inode, given when the directory was read.
    pub node: u64,
    /// Its place in the directory, never given twice.
    pub place: u64,
    /// The topmost layer that has it.
    pub layer: LayerIndex,
    /// What it is.
    pub kind: Kind,
    /// What lower layers have of this name.
    pub below: Below,
    /// Lower layers that write the name in another way.
    pub spellings: Option<Box<Spellings>>,
}

/// What the layers below the scratch have of a name, when the scratch has nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// Nothing.
    Nothing,
    /// Something that a tombstone among them hides.
    Buried,
    /// Something that would be seen: removal in the scratch needs a tombstone.
    Shown,
}

/// How lower layers write a name.
pub type Spellings = Vec<(LayerIndex, Box<str>)>;

impl Entry {
    /// How layer `layer` writes the name.
    pub fn name_in(&self, layer: LayerIndex) -> &str {
        let other = self.spellings.iter().flat_map(|s| s.iter()).find(|(l, _)| *l == layer);
        other.map_or(&self.name, |(_, name)| name)
    }

    /// Whether programs see it.
    pub fn is_visible(&self) -> bool {
        self.kind != Kind::Tombstone
    }
}

/// A name that the kernel remembers as absent.
#[derive(Debug, Clone, Copy)]
struct Miss {
    /// In this spelling, or in several.
    spelling: Option<Spelling>,
    /// Until then, or for good.
    until: Option<Moment>,
}

/// The merged content of a directory.
#[derive(Debug, Default)]
pub struct Directory {
    /// The layers that have the directory, top first.
    pub layers: Vec<LayerIndex>,
    entries: Vec<Entry>,
    index: HashTable<u32>,
    visible: usize,
    dead: usize,
    next_place: u64,
    misses: HashMap<u64, Miss>,
}

impl Directory {
    /// An empty directory that these layers have.
    pub fn new(layers: Vec<LayerIndex>) -> Self {
        // Places 1 and 2 are those of `.` and `..`.
        Self { layers, next_place: 3, ..Self::default() }
    }

    /// Number of names that programs see.
    pub fn visible(&self) -> usize {
        self.visible
    }

    /// The entry of a name in any spelling, tombstones included.
    pub fn find(&self, folding: &Folding, name: &str) -> Option<&Entry> {
        let slot = self.index.find(folding.hash(name), |slot| same(&self.entries[*slot as usize].name, name))?;
        Some(&self.entries[*slot as usize])
    }

    /// The entry at a place.
    pub fn at(&self, place: u64) -> Option<&Entry> {
        // A dead entry stays in the order until it is swept out, without its name.
        self.slot(place).map(|slot| &self.entries[slot]).filter(|e| !e.name.is_empty())
    }

    /// Where in the order the entry at a place is.
    fn slot(&self, place: u64) -> Option<usize> {
        // Places follow one another until entries are swept out; no entry is later than that.
        let latest = place.checked_sub(self.entries.first()?.place)?.min(self.entries.len() as u64 - 1) as usize;
        match self.entries[latest].place == place {
            true => Some(latest),
            false => self.entries[..latest].binary_search_by_key(&place, |e| e.place).ok(),
        }
    }

    /// As [`Directory::at`], to change it. Neither its name nor what it is may be changed.
    pub fn at_mut(&mut self, place: u64) -> Option<&mut Entry> {
        let slot = self.slot(place)?;
        Some(&mut self.entries[slot]).filter(|e| !e.name.is_empty())
    }

    /// The entries after a place, in the order in which they came.
    pub fn after(&self, place: u64) -> impl Iterator<Item = &Entry> {
        let start = self.entries.partition_point(|e| e.place <= place);
        self.entries[start..].iter().filter(|e| !e.name.is_empty() && e.kind != Kind::Tombstone)
    }

    /// All entries, tombstones included.
    pub fn all(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|e| !e.name.is_empty())
    }

    /// Adds an entry whose name is not there, and says where.
    pub fn insert(&mut self, folding: &Folding, mut entry: Entry) -> u64 {
        let place = self.next_place;
        self.next_place += 1;
        entry.place = place;
        self.visible += usize::from(entry.kind != Kind::Tombstone);
        let hash = folding.hash(&entry.name);
        let slot = self.entries.len() as u32;
        self.entries.push(entry);
        let entries = &self.entries;
        self.index.insert_unique(hash, slot, |slot| folding.hash(&entries[*slot as usize].name));
        place
    }

    /// Gives back room for more entries: most directories stay as they are.
    pub fn shrink(&mut self, folding: &Folding) {
        self.entries.shrink_to_fit();
        let entries = &self.entries;
        self.index.shrink_to_fit(|slot| folding.hash(&entries[*slot as usize].name));
    }

    /// Nothing of lower layers is below the entries any more.
    pub fn uncover(&mut self) {
        for entry in &mut self.entries {
            entry.below = Below::Nothing;
            entry.spellings = None;
        }
    }

    /// Takes out an entry that was removed from disk, and keeps in mind what hides the name in layers below: a tombstone
    /// that is in the scratch now, or one below. `node` is a number for it.
    pub fn bury(&mut self, folding: &Folding, place: u64, node: u64) {
        let Some(entry) = self.remove(folding, place) else { return };
        let layer = match entry.below {
            Below::Nothing => return,
            Below::Buried => SOME_LAYER,
            Below::Shown => SCRATCH,
        };
        self.insert(folding, Entry { node, layer, kind: Kind::Tombstone, spellings: None, ..entry });
    }

    /// Takes out the entry at a place.
    pub fn remove(&mut self, folding: &Folding, place: u64) -> Option<Entry> {
        let slot = self.slot(place)?;
        if self.entries[slot].name.is_empty() {
            return None;
        }
        let hash = folding.hash(&self.entries[slot].name);
        if let Ok(found) = self.index.find_entry(hash, |s| *s as usize == slot) {
            found.remove();
        }
        let dead = Entry { name: "".into(), spellings: None, ..self.entries[slot].clone() };
        let taken = std::mem::replace(&mut self.entries[slot], dead);
        self.visible -= usize::from(taken.kind != Kind::Tombstone);
        self.dead += 1;
        if self.dead >= SWEEP && self.dead * 2 > self.entries.len() {
            self.sweep(folding);
        }
        Some(taken)
    }

    fn sweep(&mut self, folding: &Folding) {
        self.entries.retain(|e| !e.name.is_empty());
        self.entries.shrink_to_fit();
        self.dead = 0;
        self.index.clear();
        let entries = &self.entries;
        let hash = |slot: &u32| folding.hash(&entries[*slot as usize].name);
        for slot in 0..entries.len() as u32 {
            self.index.insert_unique(hash(&slot), slot, hash);
        }
    }

    /// Number of absent names that the kernel remembers.
    pub fn misses(&self) -> usize {
        self.misses.len()
    }

    /// Notes that the kernel is to remember a name as absent, for good without a lease; says no if there are too many already.
    pub fn note_miss(&mut self, folding: &Folding, name: &str, lease: Option<Lease>) -> bool {
        let (spelling, until) = (Some(folding.spelling(name.as_bytes())), lease.map(|lease| lease.until));
        if self.misses.len() >= MAX_MISSES {
            return false;
        }
        let miss = self.misses.entry(folding.hash(name)).or_insert(Miss { spelling, until });
        if lease.is_some_and(|lease| miss.until.is_some_and(|until| until <= lease.now)) {
            // What it was remembered as is forgotten.
            miss.spelling = spelling;
        }
        miss.until = miss.until.max(until);
        if miss.spelling != spelling {
            miss.spelling = None;
        }
        true
    }

    /// Drops the names that the kernel does not remember as absent any more.
    pub fn sweep_misses(&mut self, now: Moment) {
        self.misses.retain(|_, miss| miss.until.is_none_or(|until| until > now));
        self.misses.shrink_to_fit();
    }

    /// The kernel remembers no name as absent any more.
    pub fn forget_misses(&mut self) {
        self.misses = HashMap::new();
    }

    /// Until when the kernel may believe of another spelling of a name that it is absent.
    pub fn missed_until(&self, folding: &Folding, name: &str) -> Option<Moment> {
        let spelling = Some(folding.spelling(name.as_bytes()));
        self.misses.get(&folding.hash(name)).filter(|miss| miss.spelling != spelling)?.until
    }

    /// Notes that a name has come to be. Whether the kernel believes of another spelling of it that it is absent.
    pub fn end_miss(&mut self, folding: &Folding, name: &str) -> bool {
        if self.misses.is_empty() {
            return false;
        }
        let spelling = folding.spelling(name.as_bytes());
        self.misses.remove(&folding.hash(name)).is_some_and(|miss| miss.spelling != Some(spelling))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_at_their_places() {
        let folding = Folding::default();
        let mut directory = Directory::new(vec![SCRATCH]);
        let entry = |name: u64| Entry {
            name: name.to_string().into(),
            node: name,
            place: 0,
            layer: SCRATCH,
            kind: Kind::File,
            below: Below::Nothing,
            spellings: None,
        };
        let places: Vec<u64> = (0..1000).map(|name| directory.insert(&folding, entry(name))).collect();
        let mut gone = std::collections::HashSet::new();
        // From the front, from the end and from between, through several sweeps.
        for (round, name) in (0..300).chain(700..1000).chain((300..700).step_by(3)).enumerate() {
            assert_eq!(directory.remove(&folding, places[name]).unwrap().node, name as u64);
            gone.insert(name);
            if round % 50 == 0 {
                for (name, place) in places.iter().enumerate() {
                    let found = directory.at(*place).map(|entry| entry.node);
                    assert_eq!(found, (!gone.contains(&name)).then_some(name as u64), "{place}");
                }
            }
        }
        assert!([0, 1, 2, places[999] + 1, u64::MAX].iter().all(|place| directory.at(*place).is_none()));
    }
}
