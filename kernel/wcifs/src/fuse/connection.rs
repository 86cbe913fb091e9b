//! The handshake with the kernel and what came of it.

use super::device::Device;
use super::number::{EPOCH_MINOR, MAJOR, MINOR, feature, opcode};
use super::reply::Reply;
use super::request::Request;
use rustix::io::Errno;

/// Most bytes of one READ or WRITE.
pub const MAX_DATA: u32 = 1 << 20;
/// Bytes of a request besides its data.
pub const MAX_ARGUMENTS: usize = 4096;
/// Requests that the kernel may have waiting of its own accord (read-ahead, forgets).
const BACKGROUND: u16 = 64;
/// File systems may be stacked two high (`FILESYSTEM_MAX_STACK_DEPTH`): the host's own may be an overlay already.
const STACK_DEPTH: u32 = 2;

/// What this kernel can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// Data goes from and to backing files without this process (Linux 6.9).
    pub passthrough: bool,
    /// All names can be declared old at once (Linux 6.16).
    pub epochs: bool,
}

/// What is asked of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wishes {
    /// Use passthrough if it is there.
    pub passthrough: bool,
    /// Use epochs if they are there.
    pub epochs: bool,
}

/// Answers the first request, `INIT`.
pub fn shake_hands(device: &Device, wishes: Wishes) -> Result<Abilities, Errno> {
    let mut buffer = vec![0; MAX_DATA as usize + MAX_ARGUMENTS];
    let mut reply = Reply::default();
    loop {
        let length = device.read(&mut buffer)?;
        let mut request = Request::parse(&buffer[..length])?;
        if request.opcode != opcode::INIT {
            device.write(reply.refuse(request.unique, Errno::IO))?;
            continue;
        }
        let major = request.body.u32()?;
        let minor = request.body.u32()?;
        let read_ahead = request.body.u32()?;
        let offered = u64::from(request.body.u32()?) | u64::from(request.body.u32().unwrap_or(0)) << 32;
        if major != MAJOR || minor < 31 {
            device.write(reply.refuse(request.unique, Errno::PROTO))?;
            return Err(Errno::PROTO);
        }
        let mut wanted = feature::ASYNC_READ
            | feature::ATOMIC_O_TRUNC
            | feature::BIG_WRITES
            | feature::IOCTL_DIR
            | feature::READDIRPLUS
            | feature::READDIRPLUS_AUTO
            | feature::ASYNC_DIO
            | feature::PARALLEL_DIROPS
            | feature::MAX_PAGES
            | feature::CACHE_SYMLINKS
            | feature::NO_OPENDIR
            | feature::KILLPRIV_V2
            | feature::EXTENDED;
        if wishes.passthrough {
            wanted |= feature::PASSTHROUGH;
        }
        let agreed = wanted & offered;
        let passthrough = agreed & feature::PASSTHROUGH != 0;
        let answer = reply.start();
        answer.u32(MAJOR).u32(MINOR).u32(read_ahead).u32(agreed as u32);
        answer.u16(BACKGROUND).u16(BACKGROUND * 3 / 4).u32(MAX_DATA).u32(1);
        answer.u16((MAX_DATA / 4096) as u16).u16(0).u32((agreed >> 32) as u32);
        answer.u32(if passthrough { STACK_DEPTH } else { 0 }).zeros(24);
        device.write(answer.finish(request.unique, 0))?;
        return Ok(Abilities { passthrough, epochs: wishes.epochs && minor >= EPOCH_MINOR });
    }
}
