//! Line `nftables`: the kernel is asked by netlink in a network namespace of its own, and the program is looked for.

use std::path::Path;
use std::time::Duration;

use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};
use rustix::thread::UnshareFlags;

use super::super::probe::{gain_rights, readable, unshare};
use super::super::{Line, Topic, Verdict};

/// `NFNL_SUBSYS_NFTABLES` in the upper byte, `NFT_MSG_GETGEN` and `NFT_MSG_NEWGEN` in the lower one.
const GET_GENERATION: u16 = (10 << 8) | 16;
const NEW_GENERATION: u16 = (10 << 8) | 15;
/// `NLMSG_ERROR` of netlink(7).
const ERROR: u16 = 2;
/// `NLM_F_REQUEST` of netlink(7).
const REQUEST: u16 = 1;
/// Where the program may be.
const PLACES: [&str; 5] = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/usr/local/sbin/nft", "/bin/nft"];
/// How long the kernel may take: it may load a module.
const PATIENCE: Duration = Duration::from_secs(5);

/// The kernel's half of the line.
pub fn kernel() -> Line {
    let topic = Topic::Nftables;
    match ask() {
        Ok(()) => Line::new(topic, Verdict::Ok, "the kernel has it", "container networks are possible"),
        Err(error) => {
            let means = "containers run with loopback only: the kernel needs CONFIG_NF_TABLES";
            Line::failed(topic, Verdict::Degraded, error, means)
        }
    }
}

/// Adds the program to the kernel's half.
pub fn with_program(line: Line) -> Line {
    let program = PLACES.into_iter().find(|place| Path::new(place).exists());
    match (program, line.verdict) {
        (Some(program), _) => Line { found: format!("{}; {program}", line.found), ..line },
        (None, Verdict::Ok) => Line {
            verdict: Verdict::Degraded,
            found: format!("{}; no program nft", line.found),
            means: "nothing is lost yet: only container networks will need it (apt install nftables)".into(),
            ..line
        },
        (None, _) => Line { found: format!("{}; no program nft", line.found), ..line },
    }
}

fn ask() -> Result<(), String> {
    gain_rights()?;
    unshare(UnshareFlags::NEWNET).map_err(|error| format!("no network namespace: {error}"))?;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(NETFILTER))
        .map_err(|error| format!("no netfilter socket: {error}"))?;
    sendto(&socket, &question(), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))
        .map_err(|error| format!("the kernel cannot be asked: {error}"))?;
    if !readable(&socket, PATIENCE) {
        return Err("the kernel does not answer".into());
    }
    let mut answer = [0u8; 4096];
    let (length, _) = recv(&socket, &mut answer, RecvFlags::empty())
        .map_err(|error| format!("the answer cannot be read: {error}"))?;
    judge(&answer[..length])
}

/// `struct nlmsghdr` and `struct nfgenmsg`: which generation is the rule set of?
fn question() -> Vec<u8> {
    let mut message = Vec::with_capacity(20);
    message.extend(20u32.to_ne_bytes());
    message.extend(GET_GENERATION.to_ne_bytes());
    message.extend(REQUEST.to_ne_bytes());
    message.extend([0u8; 8]);
    message.extend([0u8; 4]);
    message
}

fn judge(answer: &[u8]) -> Result<(), String> {
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    match kind {
        Some(NEW_GENERATION) => Ok(()),
        Some(ERROR) => {
            let code = answer.get(16..20).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_ne_bytes);
            let error = std::io::Error::from_raw_os_error(code.saturating_neg());
            Err(format!("the kernel has no nftables: {error}"))
        }
        _ => Err("the kernel gives an answer that cannot be read".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let mut answer = question();
        answer[4..6].copy_from_slice(&NEW_GENERATION.to_ne_bytes());
        assert_eq!(judge(&answer), Ok(()));
        answer[4..6].copy_from_slice(&ERROR.to_ne_bytes());
        answer[16..20].copy_from_slice(&(-22i32).to_ne_bytes());
        assert!(judge(&answer).unwrap_err().contains("Invalid argument"));
        assert!(judge(&[]).is_err());
    }
}
