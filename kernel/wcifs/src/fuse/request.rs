//! Requests of the kernel: `fuse_in_header` and what follows it.

use rustix::io::Errno;

/// Bytes of `fuse_in_header`.
const HEADER: usize = 40;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// Host user, as it counts for files.
    pub user: u32,
    /// Its group.
    pub group: u32,
    /// Thread, as this process sees it; 0 when it does not.
    pub thread: u32,
}

/// One request. The kernel writes it, so what is malformed is only refused, not explained.
#[derive(Debug)]
pub struct Request<'a> {
    /// See [`super::number::opcode`].
    pub opcode: u32,
    /// What the answer is to name.
    pub unique: u64,
    /// The inode that is asked about.
    pub node: u64,
    /// Who asks.
    pub caller: Caller,
    /// Arguments.
    pub body: Body<'a>,
}

impl<'a> Request<'a> {
    /// The request in `bytes`, as read from the device.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Errno> {
        let mut header = Body(bytes.get(..HEADER).ok_or(Errno::INVAL)?);
        let length = header.u32()? as usize;
        let opcode = header.u32()?;
        let unique = header.u64()?;
        let node = header.u64()?;
        let caller = Caller { user: header.u32()?, group: header.u32()?, thread: header.u32()? };
        let body = bytes.get(HEADER..length).ok_or(Errno::INVAL)?;
        Ok(Self { opcode, unique, node, caller, body: Body(body) })
    }
}

/// Arguments of a request, taken from the front.
#[derive(Debug, Clone, Copy)]
pub struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Errno> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Errno::INVAL)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next four bytes.
    pub fn u32(&mut self) -> Result<u32, Errno> {
        let bytes = self.take(4)?;
        Ok(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// The next eight bytes.
    pub fn u64(&mut self) -> Result<u64, Errno> {
        let bytes: [u8; 8] = self.take(8)?.try_into().map_err(|_| Errno::INVAL)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    /// Passes over bytes.
    pub fn skip(&mut self, count: usize) -> Result<&mut Self, Errno> {
        self.take(count)?;
        Ok(self)
    }

    /// A name that ends with a zero byte.
    pub fn name(&mut self) -> Result<&'a [u8], Errno> {
        let length = self.0.iter().position(|b| *b == 0).ok_or(Errno::INVAL)?;
        let name = self.take(length)?;
        self.take(1)?;
        Ok(name)
    }

    /// All that is left.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }
}
