//! Listing directories.

use crate::fuse::number::ROOT;
use crate::fuse::reply::{ENTRY_LENGTH, Reply, directory_entry_length};
use crate::fuse::request::Body;
use crate::layer::Kind;
use crate::volume::Volume;
use rustix::io::Errno;

/// Places of `.` and `..`.
const DOTS: [(u64, &str); 2] = [(1, "."), (2, "..")];

/// An entry to tell of.
struct Listed {
    place: u64,
    number: u64,
    kind: Kind,
    name: Box<str>,
}

impl Volume {
    pub(super) fn read_directory(&mut self, id: u64, body: &mut Body<'_>, reply: &mut Reply) -> Result<(), Errno> {
        self.list(id, body, reply, 0, |_, _, _| Ok(()))
    }

    pub(super) fn read_directory_with_attributes(
        &mut self,
        id: u64,
        body: &mut Body<'_>,
        reply: &mut Reply,
    ) -> Result<(), Errno> {
        self.list(id, body, reply, ENTRY_LENGTH, |volume, entry, reply| {
            let known = match entry.place {
                1 | 2 => Err(Errno::NOENT),
                place => volume.know(id, place, entry.name.as_bytes()),
            };
            match known {
                Ok((node, attributes, keep)) => reply.entry(node, &attributes, keep),
                // No inode: only the name is told.
                Err(_) => reply.zeros(ENTRY_LENGTH),
            };
            Ok(())
        })
    }

    fn list(
        &mut self,
        id: u64,
        body: &mut Body<'_>,
        reply: &mut Reply,
        extra: usize,
        before: impl Fn(&mut Self, &Listed, &mut Reply) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        body.skip(8)?;
        let start = body.u64()?;
        let room = body.u32()? as usize;
        self.load(id)?;
        let parent = if id == ROOT { ROOT } else { self.node(id)?.parent };
        let dots = DOTS.iter().map(|(place, name)| {
            let number = if *place == 1 { id } else { parent };
            Listed { place: *place, number, kind: Kind::Directory, name: Box::from(*name) }
        });
        // What fits in at most, so that no more names are copied than are told.
        let most = room / (extra + directory_entry_length(b"x")) + 1;
        let entries = self.directory(id)?.after(start.max(2)).take(most);
        let number = |node: u64| self.nodes.get(node).map_or(node, |known| known.number);
        let entries =
            entries.map(|e| Listed { place: e.place, number: number(e.node), kind: e.kind, name: e.name.clone() });
        let listed: Vec<Listed> = dots.filter(|d| d.place > start).chain(entries).collect();
        for entry in &listed {
            let name = entry.name.as_bytes();
            if reply.length() + extra + directory_entry_length(name) > room {
                break;
            }
            before(self, entry, reply)?;
            reply.directory_entry(entry.number, entry.place, entry.kind.number(), name);
        }
        Ok(())
    }
}
