//! The durable records of volumes, in the database of containers.

use redb::{ReadableDatabase, ReadableTable, TableDefinition};

use super::{Volume, VolumeName};
use crate::error::{Error, Result};
use crate::store::{Store, lift};

/// Volume records: name to JSON.
pub(crate) const VOLUMES: TableDefinition<&str, &[u8]> = TableDefinition::new("volumes");

impl Store {
    /// Every record, in the order of names.
    ///
    /// # Errors
    /// [`Error::Store`] when the database or a record cannot be read.
    pub(crate) fn volumes(&self) -> Result<Vec<Volume>> {
        let transaction = lift(self.database().begin_read())?;
        let table = lift(transaction.open_table(VOLUMES))?;
        let mut volumes = Vec::new();
        for row in lift(table.iter())? {
            let (name, json) = lift(row)?;
            volumes.push(decode(name.value(), json.value())?);
        }
        Ok(volumes)
    }

    /// The record of this name.
    ///
    /// # Errors
    /// [`Error::Store`] when the database or the record cannot be read.
    pub(crate) fn volume(&self, name: &VolumeName) -> Result<Option<Volume>> {
        let transaction = lift(self.database().begin_read())?;
        let table = lift(transaction.open_table(VOLUMES))?;
        lift(table.get(name.as_str()))?.map(|json| decode(name.as_str(), json.value())).transpose()
    }

    /// Adds or replaces a record.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be written.
    pub(crate) fn put_volume(&self, volume: &Volume) -> Result<()> {
        let json = serde_json::to_vec(volume)
            .map_err(|error| Error::Store(format!("record of volume {}: {error}", volume.name)))?;
        let transaction = lift(self.database().begin_write())?;
        lift(lift(transaction.open_table(VOLUMES))?.insert(volume.name.as_str(), json.as_slice()))?;
        lift(transaction.commit())
    }

    /// Removes a record.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be written.
    pub(crate) fn remove_volume(&self, name: &VolumeName) -> Result<()> {
        let transaction = lift(self.database().begin_write())?;
        lift(lift(transaction.open_table(VOLUMES))?.remove(name.as_str()))?;
        lift(transaction.commit())
    }
}

fn decode(name: &str, json: &[u8]) -> Result<Volume> {
    serde_json::from_slice(json).map_err(|error| Error::Store(format!("record of volume {name}: {error}")))
}
