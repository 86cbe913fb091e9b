//! Reads a hive into a tree.

use crate::base_block::Head;
use crate::cells::{Cells, NOWHERE};
use crate::error::HiveError;
use crate::field::u32_at;
use crate::key_node::KeyNode;
use crate::limits::MAX_DEPTH;
use crate::name::{Name, units};
use crate::security::Security;
use crate::tree::{Key, Tree};
use crate::{Hive, bins, list, log, value_node};
use std::collections::HashMap;

/// Separates names in a path, so that no name may have it.
const BACKSLASH: u16 = b'\\' as u16;

impl Hive {
    /// Reads a hive that no log is at hand for. Of a dirty one, this is what its file holds.
    ///
    /// What only serves to find things, such as hashes, the order of lists, counts of owners and largest lengths, is not
    /// believed and not needed. Volatile keys are not in files.
    ///
    /// # Errors
    /// [`HiveError`] says what is damaged.
    pub fn read(file: &[u8]) -> Result<Self, HiveError> {
        let head = Head::read(file)?;
        if !head.sound {
            return Err(HiveError::NotAHive("the checksum of its base block is wrong"));
        }
        let bytes = bins::bytes(file, head.bins)?;
        let mut reader = Reader { cells: Cells::find(bytes)?, layered: head.base.layered, securities: HashMap::new() };
        let (root_name, root) = reader.key(head.root, &Security::default(), 0)?;
        Ok(Self { tree: Tree { root_name, root }, base: head.base })
    }

    /// Reads a hive with its logs, of which there are none, one or two; those of a dirty hive are replayed.
    ///
    /// # Errors
    /// [`HiveError`] says what is damaged.
    pub fn read_with_logs(file: &[u8], logs: &[&[u8]]) -> Result<Self, HiveError> {
        Self::read(&log::recover(file, logs)?)
    }
}

struct Reader<'a> {
    cells: Cells<'a>,
    layered: bool,
    /// Descriptors by the place of their record.
    securities: HashMap<u32, Security>,
}

impl Reader<'_> {
    fn key(&mut self, offset: u32, above: &Security, depth: usize) -> Result<(Name, Key), HiveError> {
        if depth > MAX_DEPTH {
            return Err(HiveError::TooLarge("a key more than 512 levels deep"));
        }
        let cell = self.cells.take(offset)?;
        let node = KeyNode::read(cell, offset, self.layered)?;
        if depth > 0 && node.name.units().contains(&BACKSLASH) {
            return Err(HiveError::BadCell { offset, why: "has a name with a backslash" });
        }
        let mut key = Key {
            time: node.time,
            class: self.class(node.class)?,
            security: self.security(node.security, above)?,
            flags: node.flags,
            layer: node.layer,
            ..Key::default()
        };
        self.values(&mut key, node.values)?;
        if node.subkeys.0 > 0 {
            for subkey in list::read(&mut self.cells, node.subkeys.1)? {
                let (name, subkey) = self.key(subkey, &key.security, depth + 1)?;
                if key.put_subkey(name.clone(), subkey).is_some() {
                    return Err(HiveError::Twice { name: name.to_string() });
                }
            }
        }
        Ok((node.name, key))
    }

    fn class(&mut self, (offset, length): (u32, usize)) -> Result<Option<Name>, HiveError> {
        if length == 0 || offset == NOWHERE {
            return Ok(None);
        }
        let cell = self.cells.take(offset)?;
        let class = cell.get(..length).ok_or(HiveError::BadCell { offset, why: "is shorter than its class name" })?;
        Ok(Some(Name::from_units(units(class).collect::<Vec<u16>>())))
    }

    /// The descriptor at `offset`; without one, a key has that of the key above.
    fn security(&mut self, offset: u32, above: &Security) -> Result<Security, HiveError> {
        if offset == NOWHERE {
            return Ok(above.clone());
        }
        if let Some(known) = self.securities.get(&offset) {
            return Ok(known.clone());
        }
        let security = Security::read(&self.cells, offset)?;
        self.securities.insert(offset, security.clone());
        Ok(security)
    }

    fn values(&mut self, key: &mut Key, (count, offset): (u32, u32)) -> Result<(), HiveError> {
        if count == 0 {
            return Ok(());
        }
        let list = self.cells.take(offset)?;
        let length = (count as usize).checked_mul(4);
        let list = length.and_then(|length| list.get(..length));
        let list = list.ok_or(HiveError::BadCell { offset, why: "is shorter than its list of values" })?;
        for value in list.chunks_exact(4).filter_map(|element| u32_at(element, 0)) {
            let (name, entry) = value_node::read(&mut self.cells, value, self.layered)?;
            if key.put_entry(name.clone(), entry).is_some() {
                return Err(HiveError::Twice { name: name.to_string() });
            }
        }
        Ok(())
    }
}
