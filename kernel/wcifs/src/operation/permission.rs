//! Who may do what, by the permission bits.
//!
//! The volume of a container is mounted without `default_permissions`: with it the kernel asks for a directory's attributes
//! after each change in it, before it allows the next. So the volume looks at the bits itself. Searching a directory is
//! allowed to everybody, as on Windows, where all programs may bypass traverse checking; the kernel would not even ask
//! about names that it remembers. Moving a directory asks nothing of the directory itself. `access` is not answered, so that it
//! always says yes: the kernel would ask at each `chdir` too, which Wine does twice for each listing.

use super::extended::NameSpace;
use crate::fuse::number::{opcode, set};
use crate::fuse::request::{Body, Caller, Request};
use crate::volume::Volume;
use rustix::fs::OFlags;
use rustix::io::Errno;

/// `O_ACCMODE`: 0 reads, 1 writes, 2 does both. 3 (device controls only) wants both.
pub const ACCESS: u32 = 3;

/// Bits of a mode.
const READ: u16 = 4;
const WRITE: u16 = 2;

impl Volume {
    /// Whether the permission bits allow a request.
    ///
    /// # Errors
    /// `EACCES`; `EPERM` for what only the owner may. Others for what no kernel sends.
    pub(super) fn permit(&self, request: &Request<'_>) -> Result<(), Errno> {
        let Request { caller, node, mut body, .. } = *request;
        if self.may_do_everything(caller) {
            return Ok(());
        }
        match request.opcode {
            opcode::CREATE
            | opcode::TMPFILE
            | opcode::MKNOD
            | opcode::MKDIR
            | opcode::SYMLINK
            | opcode::LINK
            | opcode::UNLINK
            | opcode::RMDIR => self.grant(caller, node, WRITE),
            opcode::RENAME | opcode::RENAME2 => {
                self.grant(caller, node, WRITE)?;
                self.grant(caller, body.u64()?, WRITE)
            }
            opcode::OPEN => self.permit_open(caller, node, body.u32()?),
            opcode::READDIR | opcode::READDIRPLUS => self.grant(caller, node, READ),
            opcode::SETATTR => self.permit_change(caller, node, body),
            opcode::GETXATTR => match NameSpace::of(body.skip(8)?.name()?) {
                NameSpace::Programs => self.grant(caller, node, READ),
                NameSpace::DosAttributes | NameSpace::Other => Ok(()),
            },
            opcode::SETXATTR | opcode::REMOVEXATTR => {
                let name = if request.opcode == opcode::SETXATTR { body.skip(8)?.name()? } else { body.name()? };
                match NameSpace::of(name) {
                    NameSpace::Programs => self.grant(caller, self.nodes.latest(node), WRITE),
                    // Windows lets a program mark a file as hidden that it has made read-only.
                    NameSpace::DosAttributes => self.permit_owner(caller),
                    // They are refused to everybody.
                    NameSpace::Other => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Whether a caller may open a file with these flags.
    pub(super) fn permit_open(&self, caller: Caller, id: u64, flags: u32) -> Result<(), Errno> {
        let reads = if flags & ACCESS == 1 { 0 } else { READ };
        let writes = if flags & ACCESS == 0 && flags & OFlags::TRUNC.bits() == 0 { 0 } else { WRITE };
        self.grant(caller, id, reads | writes)
    }

    /// Whether a caller may change the attributes that a `SETATTR` names.
    fn permit_change(&self, caller: Caller, id: u64, mut body: Body<'_>) -> Result<(), Errno> {
        let valid = body.u32()?;
        let (user, group) = (body.skip(72)?.u32()?, body.u32()?);
        if valid & (set::MODE | set::USER | set::GROUP) != 0 {
            self.permit_owner(caller)?;
        }
        // Nothing can be given away.
        if valid & set::USER != 0 && user != self.owner || valid & set::GROUP != 0 && group != self.owner {
            return Err(Errno::PERM);
        }
        // Who has the file open for writing may go on when it is read-only by now.
        if valid & set::SIZE != 0 && valid & set::OPENED == 0 {
            self.grant(caller, id, WRITE)?;
        }
        match valid & (set::ATIME | set::MTIME | set::ATIME_NOW | set::MTIME_NOW) {
            0 => Ok(()),
            _ if self.permit_owner(caller).is_ok() => Ok(()),
            // To both of now: whoever could write.
            times if times & (set::ATIME_NOW | set::MTIME_NOW) == set::ATIME_NOW | set::MTIME_NOW => {
                self.grant(caller, id, WRITE)
            }
            _ => Err(Errno::PERM),
        }
    }

    /// The host's root, which maps directories into the volume, and whom the kernel lets ask.
    fn may_do_everything(&self, caller: Caller) -> bool {
        self.kernel_permits || caller.user == 0
    }

    fn grant(&self, caller: Caller, id: u64, wanted: u16) -> Result<(), Errno> {
        let mode = self.node(id)?.mode;
        let granted = match caller {
            _ if self.may_do_everything(caller) => READ | WRITE,
            _ if caller.user == self.owner => mode >> 6,
            _ if caller.group == self.owner => mode >> 3,
            _ => mode,
        };
        if granted & wanted == wanted { Ok(()) } else { Err(Errno::ACCESS) }
    }

    fn permit_owner(&self, caller: Caller) -> Result<(), Errno> {
        if caller.user == self.owner { Ok(()) } else { Err(Errno::PERM) }
    }
}
