//! Lines `fuse`, `fuse-passthrough` and `fuse-epochs`: a file system is mounted, and the kernel's first message is read.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::time::Duration;

use casement_layers::volume::mount::{EPOCHS, PASSTHROUGH as PASSTHROUGH_LINE, WITHOUT, is_done_without};
use casement_silo::mount::{DetachedMount, enter_private_namespace};

use super::super::probe::{gain_rights, readable};
use super::super::{Line, Topic, Verdict};
use super::chain;

/// `FUSE_INIT` in `linux/fuse.h`.
const INIT: u32 = 26;
/// Bit 30 of the flags: a second word of flags follows.
const INIT_EXT: u64 = 1 << 30;
/// Bit 37 of the flags, the kernel can hand reads and writes to a file of the host.
const PASSTHROUGH: u64 = 1 << 37;
/// First minor version of the protocol in which a server can declare all names old, Linux 6.16.
const EPOCH_MINOR: u32 = 44;
/// The smallest buffer the kernel accepts for reading messages, in bytes.
const BUFFER: usize = 64 << 10;
/// What it means that FUSE is not there.
const NO_DRIVES: &str = "no container runs: the kernel needs CONFIG_FUSE_FS (modprobe fuse), and the daemon /dev/fuse";
/// How long the first message may take.
const PATIENCE: Duration = Duration::from_secs(5);

pub fn file_system() -> Line {
    let topic = Topic::Fuse;
    match init() {
        Ok(init) => {
            let found = format!("protocol {}.{}", init.major, init.minor);
            Line::new(topic, Verdict::Ok, found, "C: drives can be served")
        }
        Err(error) => Line::failed(topic, Verdict::Missing, error, NO_DRIVES),
    }
}

pub fn passthrough() -> Line {
    let fallback = "files on C: are read and written through a process, several times slower, and containers share no memory \
                    for them: kernel 6.9 with CONFIG_FUSE_PASSTHROUGH has it";
    offered(Topic::FusePassthrough, PASSTHROUGH_LINE, "files on C: are as fast as on the host", fallback, |init| {
        init.flags & PASSTHROUGH != 0
    })
}

pub fn epochs() -> Line {
    let fallback = "the kernel remembers names on C:, and misses, for a second at a time, and no other spellings; a program that \
                    removes a file by another spelling may wait that long: kernel 6.16 has it";
    offered(Topic::FuseEpochs, EPOCHS, "names on C:, and misses, are remembered by the kernel", fallback, |init| {
        (init.major, init.minor) >= (7, EPOCH_MINOR)
    })
}

/// A line about something that the kernel may offer and that there is a fallback for.
fn offered(topic: Topic, name: &str, good: &str, fallback: &str, has: impl Fn(&Init) -> bool) -> Line {
    match init() {
        Ok(init) if has(&init) && is_done_without(name) => Line::new(
            topic,
            Verdict::Degraded,
            format!("switched off by {WITHOUT} of this command; a daemon goes by its own"),
            fallback,
        ),
        Ok(init) if has(&init) => Line::new(topic, Verdict::Ok, "offered by the kernel", good),
        Ok(_) => Line::new(topic, Verdict::Degraded, "not offered by the kernel", fallback),
        Err(error) => Line::failed(topic, Verdict::Degraded, error, NO_DRIVES),
    }
}

/// What the kernel offers at the start of every FUSE connection.
#[derive(Debug, PartialEq, Eq)]
struct Init {
    major: u32,
    minor: u32,
    flags: u64,
}

/// Mounts a file system nobody serves, in no directory, and reads what the kernel says first.
fn init() -> Result<Init, String> {
    gain_rights()?;
    enter_private_namespace().map_err(|error| chain(&error))?;
    let mut device: File = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/fuse")
        .map_err(|error| format!("cannot open /dev/fuse: {error}"))?;
    let fd = device.as_raw_fd().to_string();
    let options = [("fd", fd.as_str()), ("rootmode", "40000"), ("user_id", "0"), ("group_id", "0")];
    let _mount = DetachedMount::new("fuse", &options).map_err(|error| chain(&error))?;
    if !readable(&device, PATIENCE) {
        return Err("the kernel does not begin the connection".into());
    }
    let mut message = vec![0u8; BUFFER];
    let length = device.read(&mut message).map_err(|error| format!("cannot read /dev/fuse: {error}"))?;
    parse(&message[..length]).ok_or_else(|| "the kernel begins with another message".to_owned())
}

/// Reads `struct fuse_in_header` and `struct fuse_init_in` of `linux/fuse.h`.
fn parse(message: &[u8]) -> Option<Init> {
    const HEADER: usize = 40;
    let word = |at: usize| {
        let bytes = message.get(at..at + 4)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    };
    if word(4)? != INIT {
        return None;
    }
    let mut flags = u64::from(word(HEADER + 12)?);
    if flags & INIT_EXT != 0 {
        flags |= u64::from(word(HEADER + 16)?) << 32;
    }
    Some(Init { major: word(HEADER)?, minor: word(HEADER + 4)?, flags })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(opcode: u32, words: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0u8; 40];
        bytes[4..8].copy_from_slice(&opcode.to_ne_bytes());
        bytes.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        bytes
    }

    #[test]
    fn the_second_word_of_flags_counts_only_when_it_is_announced() {
        let old = parse(&message(INIT, &[7, 31, 0, 1, 1 << 5])).unwrap();
        assert_eq!((old.major, old.minor, old.flags), (7, 31, 1));
        let new = parse(&message(INIT, &[7, 40, 0, 1 << 30, 1 << 5])).unwrap();
        assert_ne!(new.flags & PASSTHROUGH, 0);
    }

    #[test]
    fn other_and_short_messages_are_refused() {
        assert_eq!(parse(&message(1, &[7, 31, 0, 1])), None);
        assert_eq!(parse(&message(INIT, &[7])), None);
        assert_eq!(parse(&[]), None);
    }
}
