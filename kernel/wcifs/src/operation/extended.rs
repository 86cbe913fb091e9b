//! Extended attributes: programs have those of the name space `user.` and no others. Wine keeps DOS attributes in one
//! of them; here they are Windows' metadata, and are kept as such.

use crate::copy_up::Data;
use crate::fuse::reply::Reply;
use crate::fuse::request::Body;
use crate::layer::SCRATCH;
use crate::metadata::{self, ATTRIBUTES, CREATED, DOS_ATTRIBUTES, Place, USER};
use crate::volume::Volume;
use rustix::fd::OwnedFd;
use rustix::fs::XattrFlags;
use rustix::io::Errno;

/// Units of 100 ns from 1601 to 1970.
const UNIX_EPOCH: i64 = 116_444_736_000_000_000;

type At<'a> = Place<'a, OwnedFd>;

impl Volume {
    /// Does something with the attributes of an inode.
    fn extended<T>(&self, id: u64, work: impl FnOnce(&At<'_>) -> Result<T, Errno>) -> Result<T, Errno> {
        let node = self.node(id)?;
        match node.open.as_ref().filter(|open| open.layer == node.layer) {
            Some(open) => work(&At::File(&open.file)),
            None => work(&At::Path(&self.layer_of(node).outer_path(&self.path(id)?))),
        }
    }

    pub(super) fn get_extended(&mut self, id: u64, body: &mut Body<'_>, reply: &mut Reply) -> Result<(), Errno> {
        let room = body.u32()? as usize;
        body.skip(4)?;
        let name = own_name(body.name()?).map_err(|_| Errno::NODATA)?;
        let id = self.nodes.latest(id);
        let value =
            if name == DOS_ATTRIBUTES { self.dos_attributes(id)? } else { self.extended(id, |at| at.get(name))? };
        answer(&value, room, reply)
    }

    fn dos_attributes(&mut self, id: u64) -> Result<Vec<u8>, Errno> {
        // Wine asks for them whenever it looks at a file, and nearly no file has them.
        if self.node(id)?.plain {
            return Err(Errno::NODATA);
        }
        match self.kept_attributes(id)? {
            Some(value) => metadata::dos_text(&value).map(String::into_bytes).ok_or(Errno::NODATA),
            None => {
                self.node_mut(id)?.plain = true;
                Err(Errno::NODATA)
            }
        }
    }

    /// Time of creation, if the file has one of its own.
    pub(super) fn created(&self, id: u64) -> Result<Option<(i64, u32)>, Errno> {
        let value = match self.extended(id, |at| at.get(CREATED)) {
            Ok(value) => value,
            Err(Errno::NODATA) => return Ok(None),
            Err(e) => return Err(e),
        };
        let ticks = <[u8; 8]>::try_from(&value[..]).ok().map(i64::from_le_bytes);
        let since = ticks.and_then(|ticks| ticks.checked_sub(UNIX_EPOCH));
        Ok(since.map(|since| (since.div_euclid(10_000_000), since.rem_euclid(10_000_000) as u32 * 100)))
    }

    pub(super) fn set_extended(&mut self, id: u64, body: &mut Body<'_>) -> Result<(), Errno> {
        let size = body.u32()? as usize;
        let flags = XattrFlags::from_bits_retain(body.u32()?);
        let name = own_name(body.name()?)?;
        let value = body.rest().get(..size).ok_or(Errno::INVAL)?;
        let id = self.nodes.latest(id);
        self.prepare(id)?;
        if name == DOS_ATTRIBUTES {
            let old = self.dos_bits(id, self.kept_attributes(id)?)?;
            let bits = metadata::dos_set(old, value).ok_or(Errno::INVAL)?;
            self.node_mut(id)?.plain = false;
            return self.extended(id, |at| at.set(ATTRIBUTES, &bits.to_le_bytes(), flags));
        }
        self.extended(id, |at| at.set(name, value, flags))
    }

    pub(super) fn remove_extended(&mut self, id: u64, body: &mut Body<'_>) -> Result<(), Errno> {
        let name = own_name(body.name()?)?;
        let id = self.nodes.latest(id);
        if name == DOS_ATTRIBUTES {
            let own = self.kept_attributes(id)?.ok_or(Errno::NODATA)?;
            let left = metadata::dos_removed(self.dos_bits(id, Some(own))?);
            self.prepare(id)?;
            return match left == metadata::default_bits(self.node(id)?.kind) {
                true => self.extended(id, |at| at.remove(ATTRIBUTES)),
                false => self.extended(id, |at| at.set(ATTRIBUTES, &left.to_le_bytes(), XattrFlags::empty())),
            };
        }
        self.extended(id, |at| at.get(name))?;
        self.prepare(id)?;
        self.extended(id, |at| at.remove(name))
    }

    /// The DOS attributes of a file that has these on disk.
    fn dos_bits(&self, id: u64, kept: Option<Vec<u8>>) -> Result<u32, Errno> {
        let own = kept.and_then(|value| value.try_into().ok()).map(u32::from_le_bytes);
        Ok(own.unwrap_or(metadata::default_bits(self.node(id)?.kind)))
    }

    /// As they are on disk.
    fn kept_attributes(&self, id: u64) -> Result<Option<Vec<u8>>, Errno> {
        match self.extended(id, |at| at.get(ATTRIBUTES)) {
            Err(Errno::NODATA) => Ok(None),
            other => other.map(Some),
        }
    }

    fn prepare(&mut self, id: u64) -> Result<(), Errno> {
        if self.node(id)?.layer != SCRATCH {
            self.copy_up(id, Data::Copied)?;
        }
        Ok(())
    }

    pub(super) fn list_extended(&mut self, id: u64, body: &mut Body<'_>, reply: &mut Reply) -> Result<(), Errno> {
        let room = body.u32()? as usize;
        let mut list = Vec::new();
        let id = self.nodes.latest(id);
        for name in self.extended(id, |at| at.names())? {
            let shown = if name == ATTRIBUTES { DOS_ATTRIBUTES } else { &name };
            if shown.starts_with(USER) {
                list.extend_from_slice(shown.as_bytes());
                list.push(0);
            }
        }
        answer(&list, room, reply)
    }
}

/// Whose an attribute is.
pub(super) enum NameSpace {
    /// Windows': Wine keeps DOS attributes there.
    DosAttributes,
    /// Programs'.
    Programs,
    /// The host's, or nobody's.
    Other,
}

impl NameSpace {
    pub(super) fn of(name: &[u8]) -> Self {
        match name {
            _ if name == DOS_ATTRIBUTES.as_bytes() => Self::DosAttributes,
            _ if name.starts_with(USER.as_bytes()) => Self::Programs,
            _ => Self::Other,
        }
    }
}

/// A name that programs may use. All others belong to the host.
fn own_name(name: &[u8]) -> Result<&str, Errno> {
    let name = std::str::from_utf8(name).map_err(|_| Errno::OPNOTSUPP)?;
    if name.starts_with(USER) { Ok(name) } else { Err(Errno::OPNOTSUPP) }
}

/// A value, or how long it is if the program asks only for that.
fn answer(value: &[u8], room: usize, reply: &mut Reply) -> Result<(), Errno> {
    if room == 0 {
        reply.u32(value.len() as u32).u32(0);
        return Ok(());
    }
    if value.len() > room {
        return Err(Errno::RANGE);
    }
    reply.put(value);
    Ok(())
}
