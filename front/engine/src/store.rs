//! The durable store of container records: one transactional database file.
//!
//! A write returns only after its transaction is on the disk, so whatever a caller was told survives the loss of the daemon and of
//! the host's power. Containers of a build's steps are the exception: they end with their daemon, and the next one removes whatever
//! it finds of them, recorded or not, so that nobody waits for the disk to learn of them.

use std::path::Path;

use casement_silo::identity::{FIRST_BASE, RANGE, SLOTS};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use crate::container::Container;
use crate::error::{Error, Result};
use crate::id::ContainerId;
use crate::name::ContainerName;
use crate::volumes::VOLUMES;

/// Container records: id to JSON.
const CONTAINERS: TableDefinition<&str, &[u8]> = TableDefinition::new("containers");
/// Names in use: name to id.
const NAMES: TableDefinition<&str, &str> = TableDefinition::new("names");
/// User-namespace ranges in use: slot to id.
const RANGES: TableDefinition<u32, &str> = TableDefinition::new("uid_ranges");

/// The store.
pub struct Store {
    database: Database,
}

/// A name and a range reserved for a new container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The name.
    pub name: ContainerName,
    /// First uid of the range.
    pub uid_base: u32,
}

impl From<redb::Error> for Error {
    fn from(error: redb::Error) -> Self {
        Self::Store(error.to_string())
    }
}

/// Lifts any of redb's errors into its common one and from there into ours.
pub(crate) fn lift<T, E: Into<redb::Error>>(result: Result<T, E>) -> Result<T> {
    result.map_err(|error| Error::from(error.into()))
}

impl Store {
    /// Opens the database file, and makes it when it does not exist.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be opened or is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let database = lift(Database::create(path))?;
        let transaction = lift(database.begin_write())?;
        lift(transaction.open_table(CONTAINERS))?;
        lift(transaction.open_table(NAMES))?;
        lift(transaction.open_table(RANGES))?;
        lift(transaction.open_table(VOLUMES))?;
        lift(transaction.open_table(crate::build::STEPS))?;
        lift(transaction.open_table(crate::build::HASHES))?;
        lift(transaction.commit())?;
        Ok(Self { database })
    }

    /// The database, for the other tables.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Every record.
    ///
    /// # Errors
    /// [`Error::Store`] when the database or a record cannot be read.
    pub fn all(&self) -> Result<Vec<Container>> {
        let transaction = lift(self.database.begin_read())?;
        let table = lift(transaction.open_table(CONTAINERS))?;
        let mut containers = Vec::new();
        for row in lift(table.iter())? {
            let (id, json) = lift(row)?;
            let container = serde_json::from_slice(json.value())
                .map_err(|error| Error::Store(format!("record of container {}: {error}", id.value())))?;
            containers.push(container);
        }
        Ok(containers)
    }

    /// Adds a container: `build` makes its record from a free range and the name `wanted`, or a generated one.
    ///
    /// # Errors
    /// [`Error::NameInUse`], [`Error::NoFreeRange`], [`Error::Store`], and what `build` returns; nothing is added then.
    pub fn insert(
        &self,
        id: &ContainerId,
        wanted: Option<&ContainerName>,
        build: impl FnOnce(Reservation) -> Result<Container>,
    ) -> Result<Container> {
        let transaction = lift(self.database.begin_write())?;
        let container = {
            let mut names = lift(transaction.open_table(NAMES))?;
            let name = match wanted {
                Some(name) => {
                    if let Some(holder) = lift(names.get(name.as_str()))? {
                        return Err(Error::NameInUse { name: name.clone(), holder: holder.value().parse()? });
                    }
                    name.clone()
                }
                None => free_name(&names)?,
            };
            let mut ranges = lift(transaction.open_table(RANGES))?;
            let slot = free_slot(&ranges)?;
            let container = build(Reservation { name, uid_base: FIRST_BASE + slot * RANGE })?;
            lift(names.insert(container.name.as_str(), id.as_str()))?;
            lift(ranges.insert(slot, id.as_str()))?;
            let mut containers = lift(transaction.open_table(CONTAINERS))?;
            lift(containers.insert(id.as_str(), encode(&container)?.as_slice()))?;
            container
        };
        commit(transaction, &container)?;
        Ok(container)
    }

    /// Replaces a container's record.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`] when it has none, [`Error::Store`] when it cannot be written.
    pub fn update(&self, container: &Container) -> Result<()> {
        let transaction = lift(self.database.begin_write())?;
        {
            let mut containers = lift(transaction.open_table(CONTAINERS))?;
            let known = lift(containers.insert(container.id.as_str(), encode(container)?.as_slice()))?.is_some();
            if !known {
                return Err(Error::NoSuchContainer(container.id.to_string()));
            }
        }
        commit(transaction, container)
    }

    /// Replaces the record of a container that was called `old` and has another name now.
    ///
    /// # Errors
    /// [`Error::NameInUse`] when another container has the name, [`Error::NoSuchContainer`], [`Error::Store`].
    pub fn rename(&self, container: &Container, old: &ContainerName) -> Result<()> {
        let transaction = lift(self.database.begin_write())?;
        {
            let id = container.id.as_str();
            let mut names = lift(transaction.open_table(NAMES))?;
            if let Some(holder) = lift(names.get(container.name.as_str()))? {
                return Err(Error::NameInUse { name: container.name.clone(), holder: holder.value().parse()? });
            }
            lift(names.remove(old.as_str()))?;
            lift(names.insert(container.name.as_str(), id))?;
            let mut containers = lift(transaction.open_table(CONTAINERS))?;
            if lift(containers.insert(id, encode(container)?.as_slice()))?.is_none() {
                return Err(Error::NoSuchContainer(container.id.to_string()));
            }
        }
        lift(transaction.commit())
    }

    /// Removes a container's record and frees its name and range.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be written.
    pub fn remove(&self, container: &Container) -> Result<()> {
        let transaction = lift(self.database.begin_write())?;
        {
            let id = container.id.as_str();
            let mut names = lift(transaction.open_table(NAMES))?;
            lift(names.remove(container.name.as_str()))?;
            let mut ranges = lift(transaction.open_table(RANGES))?;
            lift(ranges.remove((container.uid_base.saturating_sub(FIRST_BASE)) / RANGE))?;
            let mut containers = lift(transaction.open_table(CONTAINERS))?;
            lift(containers.remove(id))?;
        }
        commit(transaction, container)
    }
}

fn commit(mut transaction: WriteTransaction, container: &Container) -> Result<()> {
    if container.of_build {
        lift(transaction.set_durability(Durability::None))?;
    }
    lift(transaction.commit())
}

fn encode(container: &Container) -> Result<Vec<u8>> {
    serde_json::to_vec(container)
        .map_err(|error| Error::Store(format!("record of container {}: {error}", container.id)))
}

fn free_name(names: &impl ReadableTable<&'static str, &'static str>) -> Result<ContainerName> {
    let mut attempt = 0;
    loop {
        let name = ContainerName::generate(attempt)?;
        if lift(names.get(name.as_str()))?.is_none() {
            return Ok(name);
        }
        attempt += 1;
    }
}

/// The lowest slot that no container has.
fn free_slot(ranges: &impl ReadableTable<u32, &'static str>) -> Result<u32> {
    let mut free = 0;
    for row in lift(ranges.iter())? {
        let (slot, _) = lift(row)?;
        if slot.value() != free {
            break;
        }
        free += 1;
    }
    if free < SLOTS { Ok(free) } else { Err(Error::NoFreeRange(SLOTS)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &ContainerId, reservation: Reservation) -> Container {
        Container::sample(id.clone(), reservation.name, reservation.uid_base)
    }

    fn add(store: &Store, name: Option<&str>) -> Result<Container> {
        let id = ContainerId::random()?;
        let name = name.map(|name| name.parse().unwrap());
        store.insert(&id, name.as_ref(), |reservation| Ok(record(&id, reservation)))
    }

    #[test]
    fn records_survive_reopening() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("casement.redb");
        let container = {
            let store = Store::open(&path).unwrap();
            let mut container = add(&store, Some("web")).unwrap();
            container.state.exit_code = 3_221_225_786;
            store.update(&container).unwrap();
            container
        };
        assert_eq!(Store::open(&path).unwrap().all().unwrap(), [container]);
    }

    #[test]
    fn a_name_belongs_to_one_container_until_it_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("casement.redb")).unwrap();
        let first = add(&store, Some("web")).unwrap();
        let error = add(&store, Some("web")).unwrap_err();
        assert!(matches!(&error, Error::NameInUse { holder, .. } if *holder == first.id), "{error}");
        assert!(error.to_string().starts_with("Conflict. The container name \"/web\" is already in use by container"));
        store.remove(&first).unwrap();
        add(&store, Some("web")).unwrap();
        assert_eq!(store.all().unwrap().len(), 1);
    }

    #[test]
    fn a_renamed_container_frees_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("casement.redb")).unwrap();
        let (mut web, shop) = (add(&store, Some("web")).unwrap(), add(&store, Some("shop")).unwrap());
        let old = std::mem::replace(&mut web.name, shop.name.clone());
        assert!(matches!(store.rename(&web, &old), Err(Error::NameInUse { .. })));
        assert!(add(&store, Some("web")).is_err());
        web.name = "store".parse().unwrap();
        store.rename(&web, &old).unwrap();
        add(&store, Some("web")).unwrap();
        assert!(add(&store, Some("store")).is_err());
        assert!(store.all().unwrap().contains(&web));
    }

    #[test]
    fn ranges_are_disjoint_and_reused() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("casement.redb")).unwrap();
        let containers: Vec<_> = (0..3).map(|_| add(&store, None).unwrap()).collect();
        let bases: Vec<_> = containers.iter().map(|container| container.uid_base).collect();
        assert_eq!(bases, [FIRST_BASE, FIRST_BASE + RANGE, FIRST_BASE + 2 * RANGE]);
        store.remove(&containers[1]).unwrap();
        assert_eq!(add(&store, None).unwrap().uid_base, bases[1]);
        assert_eq!(add(&store, None).unwrap().uid_base, FIRST_BASE + 3 * RANGE);
    }

    #[test]
    fn a_failed_build_adds_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("casement.redb")).unwrap();
        let id = ContainerId::random().unwrap();
        let refused = store.insert(&id, None, |_| Err(Error::InvalidParameter("no".to_owned())));
        assert!(refused.is_err());
        assert!(store.all().unwrap().is_empty());
        assert_eq!(add(&store, None).unwrap().uid_base, FIRST_BASE);
    }

    #[test]
    fn updating_an_unknown_container_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("casement.redb")).unwrap();
        let container = add(&store, None).unwrap();
        store.remove(&container).unwrap();
        assert!(matches!(store.update(&container), Err(Error::NoSuchContainer(_))));
        assert!(store.all().unwrap().is_empty());
    }
}
