//! Writes a tree as a hive: records in the order of the tree, in bins without waste.

use crate::base_block::{BaseBlock, Minor};
use crate::bins::{self, UNIT};
use crate::cells::{self, ALIGNMENT, NOWHERE};
use crate::error::HiveError;
use crate::key_node::{self, KeyNode, Largest};
use crate::limits::{MAX_BINS, MAX_CLASS, MAX_DATA, MAX_DEPTH, MAX_KEY_NAME, MAX_SECURITY, MAX_VALUE_NAME, SEGMENT};
use crate::list::{self, Hint, LEAF};
use crate::name::Name;
use crate::security::Security;
use crate::tree::{Entry, Key, Tree};
use crate::value_node::{self, Place};
use crate::{Hive, base_block, big_data, tree};
use std::collections::HashMap;

/// Most gaps at the ends of bins that are kept in view for later cells.
const OPEN: usize = 16;

impl Hive {
    /// A hive of this tree. It is layered if one of its keys is.
    pub fn new(tree: Tree, file_name: &str) -> Self {
        let layered = tree.root.is_layered();
        Self { tree, base: BaseBlock::new(file_name, layered) }
    }

    /// The bytes of the hive's file. The same hive gives the same bytes.
    ///
    /// # Errors
    /// [`HiveError::Unwritable`] or [`HiveError::TooLarge`] for what passes the limits of the format.
    pub fn write(&self) -> Result<Vec<u8>, HiveError> {
        if !self.base.layered && self.tree.root.is_layered() {
            return Err(unwritable(
                &self.tree.root_name,
                "it has layered keys and its base block says that it has none",
            ));
        }
        let mut writer = Writer { file: vec![0; base_block::SIZE], minor: self.base.minor, ..Writer::default() };
        let first = writer.reserve(key_node::HEADER + name_bytes(&self.tree.root_name))?;
        writer.key(first, &self.tree.root_name, &self.tree.root, None, 0)?;
        writer.finish_securities();
        writer.finish_bins(self.base.written);
        let size = (writer.file.len() - base_block::SIZE) as u32;
        let block = self.base.block(first, size);
        writer.file[..base_block::SIZE].copy_from_slice(&block);
        Ok(writer.file)
    }
}

struct Writer<'a> {
    /// The file as far as it is: the base block's place and whole bins.
    file: Vec<u8>,
    minor: Minor,
    bins: Vec<(usize, usize)>,
    /// Ends of bins that are still free: where they begin and their sizes.
    open: Vec<(usize, usize)>,
    /// Descriptors with the places of their records and how many keys have them, in order.
    securities: Vec<(&'a Security, u32, u32)>,
    known: HashMap<&'a Security, usize>,
}

impl Default for Writer<'_> {
    fn default() -> Self {
        Self {
            file: Vec::new(),
            minor: Minor::Five,
            bins: Vec::new(),
            open: Vec::new(),
            securities: Vec::new(),
            known: HashMap::new(),
        }
    }
}

impl<'a> Writer<'a> {
    /// Finds room for a record of `length` bytes and gives its offset.
    fn reserve(&mut self, length: usize) -> Result<u32, HiveError> {
        let size = (cells::SIZE + length).next_multiple_of(ALIGNMENT);
        let fits = |(_, (_, free)): &(usize, &(usize, usize))| *free >= size;
        let gap = match self.open.iter().enumerate().filter(fits).min_by_key(|(_, (_, free))| *free) {
            Some((gap, _)) => gap,
            None => self.bin(size)?,
        };
        let (at, free) = self.open[gap];
        self.size(at, -(size as i64));
        if free == size {
            self.open.swap_remove(gap);
        } else {
            self.open[gap] = (at + size, free - size);
            self.size(at + size, (free - size) as i64);
        }
        Ok((at - base_block::SIZE) as u32)
    }

    /// Makes a bin with room for a cell of this size and gives its place among the open ones.
    fn bin(&mut self, cell: usize) -> Result<usize, HiveError> {
        let start = self.file.len();
        let size = (bins::HEADER + cell).next_multiple_of(UNIT);
        if start - base_block::SIZE + size > MAX_BINS {
            return Err(HiveError::TooLarge("more than 2 GB"));
        }
        self.file.resize(start + size, 0);
        self.bins.push((start, size));
        if self.open.len() == OPEN {
            let smallest = (0..OPEN).min_by_key(|gap| self.open[*gap].1).unwrap_or(0);
            self.open.swap_remove(smallest);
        }
        self.open.push((start + bins::HEADER, size - bins::HEADER));
        Ok(self.open.len() - 1)
    }

    /// Writes the size of the cell at `at` of the file; of one in use it is negative.
    fn size(&mut self, at: usize, size: i64) {
        // All sizes are below 2 GB.
        self.file[at..at + cells::SIZE].copy_from_slice(&(size as i32).to_le_bytes());
    }

    /// Writes a record into the cell at `offset`, which has room for it.
    fn fill(&mut self, offset: u32, record: &[u8]) {
        let at = base_block::SIZE + offset as usize + cells::SIZE;
        self.file[at..at + record.len()].copy_from_slice(record);
    }

    fn cell(&mut self, record: &[u8]) -> Result<u32, HiveError> {
        let offset = self.reserve(record.len())?;
        self.fill(offset, record);
        Ok(offset)
    }

    /// Writes a key into the cell at `offset`, and all that belongs to it elsewhere.
    fn key(
        &mut self,
        offset: u32,
        name: &'a Name,
        key: &'a Key,
        parent: Option<u32>,
        depth: usize,
    ) -> Result<(), HiveError> {
        check(name, key, depth)?;
        let mut largest = Largest::default();
        for (name, subkey) in key.subkeys() {
            largest.subkey = largest.subkey.max(2 * name.units().len() as u32);
            largest.class = largest.class.max(2 * subkey.class.as_ref().map_or(0, |class| class.units().len()) as u32);
        }
        for (name, entry) in key.entries() {
            largest.value = largest.value.max(2 * name.units().len() as u32);
            if let Entry::Value(value) = entry {
                largest.data = largest.data.max(value.data().len() as u32);
            }
        }
        let security = self.security(&key.security)?;
        let class = match &key.class {
            Some(class) if !class.is_empty() => (self.cell(&class.utf16())?, 2 * class.units().len()),
            _ => (NOWHERE, 0),
        };
        let values = self.values(key)?;
        let mut places = Vec::with_capacity(key.subkeys().len());
        for (name, _) in key.subkeys() {
            places.push((self.reserve(key_node::HEADER + name_bytes(name))?, name));
        }
        let subkeys = (places.len() as u32, self.list(&places)?);
        let (flags, layer, time) = (key.flags, key.layer, key.time);
        let node = KeyNode { name: name.clone(), flags, layer, time, subkeys, values, security, class };
        self.fill(offset, &node.record(parent, largest));
        for ((place, _), (name, subkey)) in places.iter().zip(key.subkeys()) {
            self.key(*place, name, subkey, Some(offset), depth + 1)?;
        }
        Ok(())
    }

    /// The place of the record of a descriptor; one record serves all keys that have it.
    fn security(&mut self, security: &'a Security) -> Result<u32, HiveError> {
        if let Some(known) = self.known.get(security) {
            let (_, offset, count) = &mut self.securities[*known];
            *count += 1;
            return Ok(*offset);
        }
        let offset = self.reserve(crate::security::HEADER + security.bytes().len())?;
        self.known.insert(security, self.securities.len());
        self.securities.push((security, offset, 1));
        Ok(offset)
    }

    fn values(&mut self, key: &Key) -> Result<(u32, u32), HiveError> {
        let entries = key.entries();
        if entries.len() == 0 {
            return Ok((0, NOWHERE));
        }
        let list = self.reserve(4 * entries.len())?;
        let mut places = Vec::with_capacity(4 * entries.len());
        for (name, entry) in entries {
            let place = match entry {
                Entry::Value(value) => self.data(value.data())?,
                Entry::Tombstone => Place::Inline([0; 4]),
            };
            places.extend(self.cell(&value_node::record(name, entry, &place))?.to_le_bytes());
        }
        self.fill(list, &places);
        Ok((places.len() as u32 / 4, list))
    }

    fn data(&mut self, data: &[u8]) -> Result<Place, HiveError> {
        if data.len() <= 4 {
            let mut inline = [0; 4];
            inline[..data.len()].copy_from_slice(data);
            return Ok(Place::Inline(inline));
        }
        if data.len() <= SEGMENT || self.minor < Minor::Four {
            return Ok(Place::Cell(self.cell(data)?));
        }
        let mut segments = Vec::new();
        for segment in data.chunks(SEGMENT) {
            // Windows gives the last segment a whole cell too, and may write more into it later.
            let offset = self.reserve(SEGMENT)?;
            self.fill(offset, segment);
            segments.extend(offset.to_le_bytes());
        }
        let count = (segments.len() / 4) as u16;
        let list = self.cell(&segments)?;
        Ok(Place::Cell(self.cell(&big_data::record(count, list))?))
    }

    /// Writes the list of subkeys, in leaves of one bin each.
    fn list(&mut self, keys: &[(u32, &Name)]) -> Result<u32, HiveError> {
        let hint = if self.minor < Minor::Five { Hint::Letters } else { Hint::Hash };
        let mut leaves = Vec::new();
        for leaf in keys.chunks(LEAF) {
            leaves.push(self.cell(&list::leaf_record(hint, leaf))?);
        }
        match leaves.as_slice() {
            [] => Ok(NOWHERE),
            [leaf] => Ok(*leaf),
            leaves if leaves.len() > usize::from(u16::MAX) => Err(HiveError::TooLarge("too many subkeys in one key")),
            leaves => self.cell(&list::root_record(leaves)),
        }
    }

    /// Writes the records of all descriptors, each between its neighbours in a ring.
    fn finish_securities(&mut self) {
        let securities = std::mem::take(&mut self.securities);
        for (at, (security, offset, count)) in securities.iter().enumerate() {
            let next = securities.get(at + 1).or(securities.first());
            let previous = at.checked_sub(1).and_then(|at| securities.get(at)).or(securities.last());
            let place = |neighbour: Option<&(&Security, u32, u32)>| neighbour.map_or(*offset, |(_, place, _)| *place);
            self.fill(*offset, &security.record(place(next), place(previous), *count));
        }
    }

    fn finish_bins(&mut self, written: crate::NtTime) {
        for (at, (start, size)) in self.bins.iter().enumerate() {
            let time = if at == 0 { written } else { crate::NtTime::default() };
            let header = bins::header(start - base_block::SIZE, *size, time);
            self.file[*start..start + bins::HEADER].copy_from_slice(&header);
        }
    }
}

/// Bytes of a key's name in its record: one for each unit if all are below 256.
fn name_bytes(name: &Name) -> usize {
    let wide = name.units().iter().any(|unit| *unit > 0xff);
    name.units().len() * if wide { 2 } else { 1 }
}

fn unwritable(name: &Name, why: &'static str) -> HiveError {
    HiveError::Unwritable { name: name.to_string(), why }
}

/// Refuses a key that is beyond the limits.
fn check(name: &Name, key: &Key, depth: usize) -> Result<(), HiveError> {
    let bad = |why| Err(unwritable(name, why));
    if depth > MAX_DEPTH {
        return bad("it is more than 512 levels deep");
    }
    if name.is_empty() || name.units().len() > MAX_KEY_NAME {
        return bad("a key's name has 1 to 256 letters");
    }
    if depth > 0 && name.units().contains(&u16::from(b'\\')) {
        return bad("a key's name has no backslash");
    }
    if key.class.as_ref().is_some_and(|class| class.units().len() > MAX_CLASS) {
        return bad("a class name has at most 32767 letters");
    }
    if key.security.bytes().len() > MAX_SECURITY {
        return bad("its security descriptor has more than 128 KB");
    }
    if key.layer.semantics == tree::Semantics::Tombstone && (key.entries().len() > 0 || key.subkeys().len() > 0) {
        return bad("a deleted key has no values and no subkeys");
    }
    for (name, entry) in key.entries() {
        if name.units().len() > MAX_VALUE_NAME {
            return Err(unwritable(name, "a value's name has at most 16383 letters"));
        }
        if matches!(entry, Entry::Value(value) if value.data().len() > MAX_DATA) {
            return Err(unwritable(name, "a value has at most 1 GB"));
        }
    }
    Ok(())
}
