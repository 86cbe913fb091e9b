//! New files, directories and links.

use crate::attributes::Attributes;
use crate::fuse::reply::{Keep, Reply};
use crate::fuse::request::{Body, Caller};
use crate::layer::{Kind, Layer, SCRATCH};
use crate::metadata;
use crate::name;
use crate::node::Node;
use crate::volume::{Target, Volume};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

/// Permission bits that masks of processes usually take away.
const MASKED: u32 = 0o022;

impl Volume {
    pub(super) fn create(
        &mut self,
        parent: u64,
        body: &mut Body<'_>,
        caller: Caller,
        reply: &mut Reply,
    ) -> Result<(), Errno> {
        let (flags, mode) = (body.u32()?, body.u32()?);
        body.skip(8)?;
        let spelled = body.name()?;
        let target = self.target(parent, name::new_name(spelled)?)?;
        if let Some(present) = target.present.as_ref().filter(|e| e.is_visible()) {
            // Of a name that the kernel believed to be absent.
            if flags & OFlags::EXCL.bits() != 0 || present.kind != Kind::File {
                return Err(Errno::EXIST);
            }
            let (id, attributes, keep) = self.know(parent, present.place, spelled)?;
            reply.entry(id, &attributes, keep);
            self.permit_open(caller, id, flags).inspect_err(|_| self.unlook(id))?;
            return self.open_inode(id, flags, reply).inspect_err(|_| self.unlook(id));
        }
        let (place, file) = self.new_file(&target, mode)?;
        let id = self.directory(parent)?.at(place).ok_or(Errno::IO)?.node;
        let attributes = match Attributes::of_new(&file, id, self.owner, mode)? {
            Some(attributes) => attributes,
            None => Attributes::of(&rustix::fs::fstat(&file)?, id, self.owner),
        };
        self.nodes.add(id, Node::new(id, parent, place, SCRATCH, Kind::File, mode));
        self.attach(id, file)?;
        let keep = self.count(id, spelled, true)?;
        reply.entry(id, &attributes, keep);
        self.use_file(id, reply)
    }

    /// The kernel is not told of an inode after all.
    fn unlook(&mut self, id: u64) {
        let mut close = Self::closer(&self.device);
        self.nodes.forget(id, 1, &mut close);
    }

    /// A file without a name (`O_TMPFILE`).
    pub(super) fn create_nameless(&mut self, parent: u64, body: &mut Body<'_>, reply: &mut Reply) -> Result<(), Errno> {
        body.skip(4)?;
        let mode = Mode::from_raw_mode(body.u32()? & 0o777);
        self.load(parent)?;
        self.copy_up_directory(parent)?;
        let path = self.path_in(parent, SCRATCH)?;
        let file = self.admit(self.scratch().open_file(&path, OFlags::TMPFILE | OFlags::RDWR, mode)?)?;
        rustix::fs::fchmod(&file, mode)?;
        let id = self.nodes.number();
        let mut node = Node::new(id, 0, 0, SCRATCH, Kind::File, mode.bits());
        node.lookups = 1;
        self.nodes.add(id, node);
        self.attach(id, file)?;
        reply.entry(id, &self.attributes(id)?, Keep::ForGood);
        self.use_file(id, reply)
    }

    pub(super) fn make_node(&mut self, parent: u64, body: &mut Body<'_>, reply: &mut Reply) -> Result<(), Errno> {
        let mode = body.u32()?;
        body.skip(12)?;
        let spelled = body.name()?;
        // Nothing else is on a volume of Windows; a character device would be a tombstone.
        if FileType::from_raw_mode(mode) != FileType::RegularFile {
            return Err(Errno::PERM);
        }
        let target = self.fresh(parent, spelled)?;
        let (place, _file) = self.new_file(&target, mode)?;
        self.tell(parent, place, spelled, reply)
    }

    pub(super) fn make_directory(&mut self, parent: u64, body: &mut Body<'_>, reply: &mut Reply) -> Result<(), Errno> {
        let mode = Mode::from_raw_mode(body.u32()? & 0o777);
        body.skip(4)?;
        let spelled = body.name()?;
        let target = self.fresh(parent, spelled)?;
        // A tombstone, of whatever layer: what is below it must not come back.
        let opaque = target.present.is_some();
        self.place(&target, Kind::Directory, |layer, path| {
            rustix::fs::mkdirat(layer, path, mode)?;
            if opaque {
                metadata::make_opaque(&layer.open_directory(path)?)?;
            }
            if mode.bits() & MASKED != 0 {
                rustix::fs::chmodat(layer, path, mode, AtFlags::empty())?;
            }
            Ok(())
        })?;
        let place = self.add_entry(&target, Kind::Directory, None)?;
        self.tell(parent, place, spelled, reply)
    }

    pub(super) fn make_link(&mut self, parent: u64, body: &mut Body<'_>, reply: &mut Reply) -> Result<(), Errno> {
        let (spelled, text) = (body.name()?, body.name()?);
        let target = self.fresh(parent, spelled)?;
        self.place(&target, Kind::Link, |layer, path| rustix::fs::symlinkat(text, layer, path))?;
        let place = self.add_entry(&target, Kind::Link, None)?;
        self.tell(parent, place, spelled, reply)
    }

    /// A name for something new.
    pub(super) fn fresh<'a>(&mut self, parent: u64, spelled: &'a [u8]) -> Result<Target<'a>, Errno> {
        let name = name::new_name(spelled)?;
        self.load(parent)?;
        if self.directory(parent)?.find(&self.folding, name).is_some_and(|e| e.is_visible()) {
            return Err(Errno::EXIST);
        }
        self.target(parent, name)
    }

    pub(super) fn tell(&mut self, parent: u64, place: u64, spelled: &[u8], reply: &mut Reply) -> Result<(), Errno> {
        let (id, attributes, keep) = self.know(parent, place, spelled)?;
        reply.entry(id, &attributes, keep);
        Ok(())
    }

    fn new_file(&mut self, target: &Target<'_>, mode: u32) -> Result<(u64, OwnedFd), Errno> {
        let mode = Mode::from_raw_mode(mode & 0o777);
        let mut made = None;
        let first_kept_back = self.first_kept_back;
        self.place(target, Kind::File, |layer, path| {
            let file = layer.open_file(path, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL, mode)?;
            if file.as_raw_fd() >= first_kept_back {
                rustix::fs::unlinkat(layer, path, AtFlags::empty())?;
                return Err(Errno::MFILE);
            }
            // The mask of this process, which may take these, was not meant.
            if mode.bits() & MASKED != 0 {
                rustix::fs::fchmod(&file, mode)?;
            }
            made = Some(file);
            Ok(())
        })?;
        let file = made.ok_or(Errno::IO)?;
        Ok((self.add_entry(target, Kind::File, None)?, file))
    }

    /// Makes something at `target` in the scratch, in place of a tombstone if one is there.
    pub(super) fn place(
        &mut self,
        target: &Target<'_>,
        kind: Kind,
        make: impl FnOnce(&Layer, &[u8]) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let tombstone = target.present.as_ref().filter(|e| e.layer == SCRATCH && e.kind == Kind::Tombstone);
        let Some(tombstone) = tombstone else { return make(self.scratch(), &target.path) };
        let work = self.work_name();
        make(&self.work, work.as_bytes())?;
        self.supplant(&work, target, &tombstone.name, kind)
    }

    /// Moves what was prepared in the work directory to where a tombstone is.
    fn supplant(&mut self, work: &str, target: &Target<'_>, tombstone: &str, kind: Kind) -> Result<(), Errno> {
        let scratch = self.scratch();
        if *tombstone != *target.name {
            // In another spelling; while both are there the tombstone does not count.
            rustix::fs::renameat_with(&self.work, work, scratch, &target.path, RenameFlags::NOREPLACE)?;
            let old = self.entry_path(target.parent, tombstone)?;
            return rustix::fs::unlinkat(scratch, &old, AtFlags::empty());
        }
        if kind == Kind::Directory {
            // A directory cannot replace anything but a directory.
            rustix::fs::renameat_with(&self.work, work, scratch, &target.path, RenameFlags::EXCHANGE)?;
            return rustix::fs::unlinkat(&self.work, work, AtFlags::empty());
        }
        rustix::fs::renameat(&self.work, work, scratch, &target.path)
    }
}
