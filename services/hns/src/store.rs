//! The durable store of the service's objects: one table of a transactional database file.

use std::path::Path;

use casement_schema::Guid;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};

use crate::error::{NetworkError, Result};
use crate::record::{Change, Object};

/// Objects: identifier to JSON.
const OBJECTS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("objects");

/// The store.
pub(crate) struct Store {
    database: Database,
}

/// When changes have to be on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Before anybody is told.
    Now,
    /// With the next ones: if they are lost, they are made again by who looks after a crash.
    Later,
}

fn lift<T, E: Into<redb::Error>>(result: Result<T, E>) -> Result<T> {
    result.map_err(|error| NetworkError::Store(error.into().to_string()))
}

impl Store {
    /// Opens the database file, and makes it when it does not exist.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let database = lift(Database::create(path))?;
        let transaction = lift(database.begin_write())?;
        lift(transaction.open_table(OBJECTS))?;
        lift(transaction.commit())?;
        Ok(Self { database })
    }

    /// Every object.
    pub(crate) fn all(&self) -> Result<Vec<Object>> {
        let transaction = lift(self.database.begin_read())?;
        let table = lift(transaction.open_table(OBJECTS))?;
        let mut objects = Vec::new();
        for row in lift(table.iter())? {
            let (_, json) = lift(row)?;
            objects.push(serde_json::from_slice(json.value()).map_err(|error| NetworkError::Store(error.to_string()))?);
        }
        Ok(objects)
    }

    /// Makes changes, all of them or none.
    pub(crate) fn write(&self, changes: &[Change], when: When) -> Result<()> {
        let mut transaction = lift(self.database.begin_write())?;
        if when == When::Later {
            lift(transaction.set_durability(Durability::None))?;
        }
        {
            let mut table = lift(transaction.open_table(OBJECTS))?;
            for change in changes {
                match change {
                    Change::Put(object) => {
                        let json =
                            serde_json::to_vec(object).map_err(|error| NetworkError::Store(error.to_string()))?;
                        lift(table.insert(key(object.id()).as_slice(), json.as_slice()))?;
                    }
                    Change::Remove(id) => drop(lift(table.remove(key(*id).as_slice()))?),
                }
            }
        }
        lift(transaction.commit())
    }
}

fn key(id: Guid) -> [u8; 16] {
    id.to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::NetworkRecord;

    #[test]
    fn objects_survive_reopening() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hns.redb");
        let mut record = NetworkRecord::default();
        record.document.id = crate::random::guid();
        record.document.name = "nat".to_owned();
        let network = Object::Network(record);
        Store::open(&path).unwrap().write(&[Change::Put(network.clone())], When::Now).unwrap();
        let store = Store::open(&path).unwrap();
        assert_eq!(store.all().unwrap(), std::slice::from_ref(&network));
        store.write(&[Change::Remove(network.id())], When::Later).unwrap();
        assert!(store.all().unwrap().is_empty());
    }
}
