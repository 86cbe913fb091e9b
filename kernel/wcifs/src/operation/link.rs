//! Hard links.

use crate::copy_up::Data;
use crate::fuse::reply::Reply;
use crate::fuse::request::Body;
use crate::layer::Kind;
use crate::volume::Volume;
use rustix::fs::AtFlags;
use rustix::io::Errno;

impl Volume {
    pub(super) fn link(&mut self, parent: u64, body: &mut Body<'_>, reply: &mut Reply) -> Result<(), Errno> {
        let old = body.u64()?;
        let spelled = body.name()?;
        if self.node(old)?.kind != Kind::File {
            return Err(Errno::PERM);
        }
        self.has_kept_name(old)?;
        let target = self.fresh(parent, spelled)?;
        self.copy_up(old, Data::Copied)?;
        let node = self.node(old)?;
        let (old_parent, old_place, had_name) = (node.parent, node.place, node.has_name());
        if had_name {
            let source = self.path(old)?;
            let scratch = rustix::io::fcntl_dupfd_cloexec(self.scratch(), 3)?;
            self.place(&target, Kind::File, |layer, path| {
                rustix::fs::linkat(&scratch, &source, layer, path, AtFlags::empty())
            })?;
        } else {
            let file = rustix::io::fcntl_dupfd_cloexec(self.scratch_file(old).ok_or(Errno::NOENT)?, 3)?;
            self.place(&target, Kind::File, |layer, path| {
                rustix::fs::linkat(&file, "", layer, path, AtFlags::EMPTY_PATH)
            })?;
        }
        let place = self.add_entry(&target, Kind::File, Some(old))?;
        let mut close = Self::closer(&self.device);
        if had_name {
            let on_disk = self.stat(old)?.st_ino;
            self.nodes.add_link(on_disk, old, old_parent, old_place, &mut close);
            self.nodes.add_link(on_disk, old, parent, place, &mut close);
        } else {
            self.nodes.place_at(old, parent, place, &mut close);
        }
        self.tell(parent, place, spelled, reply)
    }
}
