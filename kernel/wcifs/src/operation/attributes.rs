//! Looking at files and changing their attributes.

use super::respelling::{Purpose, may_be_gone, may_have_open, may_have_opened_as, other_spelling};
use crate::copy_up::Data;
use crate::fuse::number::set;
use crate::fuse::reply::{Keep, Reply};
use crate::fuse::request::Body;
use crate::layer::{Kind, SCRATCH};
use crate::name;
use crate::volume::Volume;
use rustix::fd::AsFd;
use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;

/// `FS_IOC_GETFLAGS`.
const GET_FLAGS: u32 = 0x8008_6601;
/// `FS_CASEFOLD_FL`: names are found in any spelling. Wine then looks for no other spellings itself.
const CASE_FOLDED: u32 = 0x4000_0000;

impl Volume {
    pub(super) fn lookup(
        &mut self,
        parent: u64,
        body: &mut Body<'_>,
        thread: u32,
        reply: &mut Reply,
    ) -> Result<(), Errno> {
        let spelled = body.name()?;
        self.load(parent)?;
        let name = name::wanted(spelled)?;
        let found = self.directory(parent)?.find(&self.folding, name).filter(|e| e.is_visible());
        if let Some((place, node, kind, canonical)) = found.map(|e| (e.place, e.node, e.kind, *e.name == *name)) {
            // What somebody has open may be about to be renamed to this spelling.
            let in_question = !canonical && (kind == Kind::Directory || self.is_open(node));
            let purpose = match canonical {
                true => Purpose::Use,
                false => {
                    let directory = self.path_in(parent, SCRATCH)?;
                    let directory = std::str::from_utf8(&directory).map_err(|_| Errno::ILSEQ)?;
                    self.callers.purpose(thread, directory, name, kind, in_question)
                }
            };
            if self.is_hidden(purpose, parent, name, kind, thread)? {
                return Err(Errno::NOENT);
            }
            let (id, attributes, keep) = self.know(parent, place, spelled)?;
            let kept = !in_question || kind == Kind::Directory && purpose == Purpose::Use;
            reply.entry(id, &attributes, if kept { keep } else { Keep::No });
            return Ok(());
        }
        self.miss(parent, name, reply)
    }

    /// Whether a name is not found by who is about to give it to what has it in another spelling.
    fn is_hidden(&self, purpose: Purpose, parent: u64, name: &str, kind: Kind, thread: u32) -> Result<bool, Errno> {
        if matches!(purpose, Purpose::Look | Purpose::Use) {
            return Ok(false);
        }
        let path = self.entry_path(parent, name)?;
        let path = std::str::from_utf8(&path).map_err(|_| Errno::ILSEQ)?;
        let renames = match (purpose, kind) {
            (Purpose::Respelling, _) => true,
            // The kernel says of it the name that was used last.
            (_, Kind::Directory) => may_have_open(thread, path),
            _ => may_have_open(thread, path) && !may_have_opened_as(thread, path),
        };
        Ok(renames && may_be_gone(thread, path))
    }

    /// Whether who asks for an inode's attributes has found it by a name that it is not to find: a spelling that the kernel remembers.
    fn is_not_to_be_seen(&mut self, id: u64, thread: u32) -> Result<bool, Errno> {
        let node = self.node(id)?;
        if !node.is_in_question(&self.leases) || !node.has_name() {
            return Ok(false);
        }
        let (kind, one) = (node.kind, [(node.parent, node.place)]);
        let Some(looked_at) = self.callers.looks_at(thread) else { return Ok(false) };
        let names = self.nodes.linked(self.nodes.on_disk(id)).map_or(&one[..], |linked| &linked.names);
        for (parent, place) in names {
            let Some(entry) = self.directory(*parent)?.at(*place) else { continue };
            let directory = self.path_in(*parent, SCRATCH)?;
            let directory = std::str::from_utf8(&directory).map_err(|_| Errno::ILSEQ)?;
            if let Some(spelled) = other_spelling(&looked_at, directory, &entry.name) {
                return self.is_hidden(Purpose::Target, *parent, spelled, kind, thread);
            }
        }
        Ok(false)
    }

    /// A name is not there, and the kernel may remember that.
    fn miss(&mut self, parent: u64, name: &str, reply: &mut Reply) -> Result<(), Errno> {
        let lease = match self.abilities.epochs {
            true => None,
            false => Some(self.leases.grant().ok_or(Errno::NOENT)?),
        };
        let mut noted = self.nodes.note_miss(parent, &self.folding, name, lease);
        if !noted && self.abilities.epochs {
            self.new_epoch();
            self.nodes.forget_misses();
            noted = self.nodes.note_miss(parent, &self.folding, name, lease);
        }
        if !noted {
            return Err(Errno::NOENT);
        }
        reply.absent(lease.map_or(Keep::ForGood, |lease| Keep::For(lease.time)));
        Ok(())
    }

    pub(super) fn get_attributes(&mut self, id: u64, thread: u32, reply: &mut Reply) -> Result<(), Errno> {
        if self.is_not_to_be_seen(id, thread)? {
            // The kernel looks the name up again.
            return Err(Errno::STALE);
        }
        reply.attribute_answer(&self.attributes(id)?);
        Ok(())
    }

    pub(super) fn statx(&mut self, id: u64, thread: u32, reply: &mut Reply) -> Result<(), Errno> {
        if self.is_not_to_be_seen(id, thread)? {
            return Err(Errno::STALE);
        }
        let mut attributes = self.attributes(id)?;
        if let Some(created) = self.created(id)? {
            attributes.born = created;
        }
        reply.statx(&attributes);
        Ok(())
    }

    pub(super) fn set_attributes(&mut self, id: u64, body: &mut Body<'_>, reply: &mut Reply) -> Result<(), Errno> {
        let valid = body.u32()?;
        body.skip(12)?;
        let size = body.u64()?;
        body.skip(8)?;
        let (accessed, modified) = (body.u64()?, body.u64()?);
        body.skip(8)?;
        let (accessed_ns, modified_ns) = (body.u32()?, body.u32()?);
        body.skip(4)?;
        let mode = body.u32()?;
        let resized = valid & set::SIZE != 0;
        if resized {
            self.has_kept_name(id)?;
        }
        let (asked, id) = (id, self.nodes.latest(id));
        let node = self.node(id)?;
        let split = resized && node.open.as_ref().is_some_and(|open| open.users > 0 && open.layer != SCRATCH);
        if node.layer != SCRATCH || split {
            self.copy_up(id, if resized && size == 0 { Data::Left } else { Data::Copied })?;
            if split {
                // Those who have the old file open go on with it; the caller looks the name up again.
                self.split(id)?;
                return Err(Errno::STALE);
            }
        }
        if resized {
            self.with_file(id, |file| rustix::fs::ftruncate(file, size))?;
        }
        if valid & set::MODE != 0 {
            self.change_mode(id, mode & 0o777)?;
            let node = self.node_mut(id)?;
            node.mode = (mode & 0o777) as u16;
            if node.kind == Kind::Directory {
                // Who may not read it any more would go on to be told what the kernel has read of it.
                self.invalidate_listing(id);
            }
        }
        if valid & (set::ATIME | set::MTIME) != 0 {
            let time = |wanted: u32, now: u32, seconds: u64, nanoseconds: u32| Timespec {
                tv_sec: seconds as i64,
                tv_nsec: match valid {
                    _ if valid & wanted == 0 => rustix::fs::UTIME_OMIT,
                    _ if valid & now != 0 => rustix::fs::UTIME_NOW,
                    _ => nanoseconds as _,
                },
            };
            let times = Timestamps {
                last_access: time(set::ATIME, set::ATIME_NOW, accessed, accessed_ns),
                last_modification: time(set::MTIME, set::MTIME_NOW, modified, modified_ns),
            };
            match self.scratch_file(id) {
                Some(file) => rustix::fs::futimens(file, &times)?,
                None => {
                    let path = self.path(id)?;
                    let path = crate::layer::here(&path);
                    rustix::fs::utimensat(self.scratch(), path, &times, AtFlags::SYMLINK_NOFOLLOW)?;
                }
            }
        }
        if asked != id {
            self.invalidate_attributes(id);
        }
        reply.attribute_answer(&self.attributes(asked)?);
        Ok(())
    }

    fn change_mode(&mut self, id: u64, mode: u32) -> Result<(), Errno> {
        let mode = Mode::from_raw_mode(mode);
        if self.node(id)?.kind == Kind::Link {
            return Err(Errno::OPNOTSUPP);
        }
        if let Some(file) = self.scratch_file(id) {
            return rustix::fs::fchmod(file, mode);
        }
        let path = self.path(id)?;
        rustix::fs::chmodat(self.scratch(), crate::layer::here(&path), mode, AtFlags::empty())
    }

    /// Does something with a file of the scratch, open or not.
    pub(super) fn with_file<T>(
        &self,
        id: u64,
        work: impl FnOnce(rustix::fd::BorrowedFd<'_>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        if let Some(file) = self.scratch_file(id) {
            return work(file.as_fd());
        }
        let path = self.path(id)?;
        let file = self.scratch().open_file(&path, OFlags::RDWR, Mode::empty())?;
        work(file.as_fd())
    }

    /// Whether programs have a file open.
    pub(super) fn is_open(&self, id: u64) -> bool {
        self.nodes.get(id).is_some_and(|node| node.users() > 0)
    }

    /// The file of an inode of the scratch, if it is open.
    pub(super) fn scratch_file(&self, id: u64) -> Option<&rustix::fd::OwnedFd> {
        let open = self.nodes.get(id)?.open.as_ref()?;
        (open.layer == SCRATCH).then_some(&open.file)
    }

    pub(super) fn read_link(&mut self, id: u64, reply: &mut Reply) -> Result<(), Errno> {
        let path = self.path(id)?;
        let text = rustix::fs::readlinkat(self.layer_of(self.node(id)?), &path[..], Vec::new())?;
        reply.put(text.as_bytes());
        Ok(())
    }

    pub(super) fn control(&mut self, id: u64, body: &mut Body<'_>, reply: &mut Reply) -> Result<(), Errno> {
        body.skip(12)?;
        let command = body.u32()?;
        if command != GET_FLAGS {
            return Err(Errno::NOTTY);
        }
        let flags = if self.node(id)?.kind == Kind::Directory { CASE_FOLDED } else { 0 };
        reply.u32(0).u32(0).u32(0).u32(0).u32(flags);
        Ok(())
    }

    pub(super) fn statistics(&mut self, reply: &mut Reply) -> Result<(), Errno> {
        let s = rustix::fs::fstatvfs(self.scratch())?;
        reply.u64(s.f_blocks).u64(s.f_bfree).u64(s.f_bavail).u64(s.f_files).u64(s.f_ffree);
        reply.u32(s.f_bsize as u32).u32(name::MAX_UNITS as u32).u32(s.f_frsize as u32).zeros(28);
        Ok(())
    }
}
