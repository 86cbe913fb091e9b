//! From a request to its answer.

use crate::fuse::number::opcode;
use crate::fuse::reply::Reply;
use crate::fuse::request::Request;
use crate::volume::Volume;
use rustix::io::Errno;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// The answer is in the buffer, or the refusal is this.
    With(Result<(), Errno>),
    /// It wants no answer.
    Silently,
    /// The volume is unmounted, after this answer.
    Finally,
}

impl Volume {
    /// Does what a request asks for; the answer's arguments go to `reply`.
    pub fn answer(&mut self, request: &Request<'_>, reply: &mut Reply) -> Answered {
        let mut body = request.body;
        let node = request.node;
        let body = &mut body;
        reply.start();
        if let Err(refused) = self.permit(request) {
            return Answered::With(Err(refused));
        }
        Answered::With(match request.opcode {
            opcode::LOOKUP => self.lookup(node, body, request.caller.thread, reply),
            opcode::GETATTR => self.get_attributes(node, request.caller.thread, reply),
            opcode::OPEN => self.open_file(node, body, reply),
            opcode::RELEASE => self.release(node, body),
            opcode::READ => self.read(node, body, reply),
            opcode::WRITE => self.write(node, body, reply),
            opcode::READDIR => self.read_directory(node, body, reply),
            opcode::READDIRPLUS => self.read_directory_with_attributes(node, body, reply),
            opcode::IOCTL => self.control(node, body, reply),
            opcode::GETXATTR => self.get_extended(node, body, reply),
            opcode::SETXATTR => self.set_extended(node, body),
            opcode::LISTXATTR => self.list_extended(node, body, reply),
            opcode::REMOVEXATTR => self.remove_extended(node, body),
            opcode::CREATE => self.create(node, body, request.caller, reply),
            opcode::TMPFILE => self.create_nameless(node, body, reply),
            opcode::MKNOD => self.make_node(node, body, reply),
            opcode::MKDIR => self.make_directory(node, body, reply),
            opcode::SYMLINK => self.make_link(node, body, reply),
            opcode::LINK => self.link(node, body, reply),
            opcode::UNLINK => self.unlink(node, body),
            opcode::RMDIR => self.remove_directory(node, body),
            opcode::RENAME => self.rename_plainly(node, body, request.caller.thread),
            opcode::RENAME2 => self.rename_with_flags(node, body, request.caller.thread),
            opcode::SETATTR => self.set_attributes(node, body, reply),
            opcode::STATX => self.statx(node, request.caller.thread, reply),
            opcode::READLINK => self.read_link(node, reply),
            opcode::STATFS => self.statistics(reply),
            opcode::FSYNC => self.sync_file(node, body),
            opcode::FSYNCDIR => self.sync_directory(node),
            opcode::SYNCFS => self.sync_all(),
            opcode::FALLOCATE => self.allocate(node, body),
            opcode::LSEEK => self.seek(node, body, reply),
            opcode::COPY_FILE_RANGE => self.copy_range(node, body, reply),
            opcode::FORGET => {
                let count = body.u64().unwrap_or(0);
                let mut close = Self::closer(&self.device);
                self.nodes.forget(node, count, &mut close);
                return Answered::Silently;
            }
            opcode::BATCH_FORGET => {
                let _ = self.forget_many(body);
                return Answered::Silently;
            }
            // Nothing here takes long enough.
            opcode::INTERRUPT => return Answered::Silently,
            opcode::DESTROY => return Answered::Finally,
            // Also: ACCESS; OPENDIR, as a directory's names are at hand without; FLUSH; locks, which the kernel keeps itself.
            _ => Err(Errno::NOSYS),
        })
    }

    fn forget_many(&mut self, body: &mut crate::fuse::request::Body<'_>) -> Result<(), Errno> {
        let count = body.u32()?;
        body.skip(4)?;
        let mut close = Self::closer(&self.device);
        for _ in 0..count {
            let (node, times) = (body.u64()?, body.u64()?);
            self.nodes.forget(node, times, &mut close);
        }
        Ok(())
    }
}
