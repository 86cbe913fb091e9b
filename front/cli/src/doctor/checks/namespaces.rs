//! Lines `user-namespaces` and `namespaces`: every kind is made once.

use casement_silo::IdRange;
use casement_silo::identity::{FIRST_BASE, RANGE, SLOTS};
use casement_silo::linux::{Cloned, clone_process, exit_now};
use rustix::process::{WaitId, WaitIdOptions, waitid};
use rustix::thread::UnshareFlags;

use super::super::probe::{gain_rights, started_as_root, unshare};
use super::super::{Line, Topic, Verdict};
use super::chain;

/// Makes a user namespace with a whole range of ids, as every silo has; without root one with a single id.
pub fn user() -> Line {
    let topic = Topic::UserNamespaces;
    let means = "no container runs: the kernel needs CONFIG_USER_NS, and user.max_user_namespaces above 0";
    if !started_as_root() {
        return match gain_rights() {
            Ok(()) => {
                let found = "a namespace with one id works; a range of ids needs root";
                Line::new(topic, Verdict::Ok, found, "they are there")
            }
            Err(error) => Line::failed(topic, Verdict::Missing, error, means),
        };
    }
    match map_range() {
        Ok(()) => {
            let found = format!("a namespace with {RANGE} ids works");
            Line::new(topic, Verdict::Ok, found, "each container has users that are nobody on the host")
        }
        Err(error) => Line::new(topic, Verdict::Missing, error, means),
    }
}

fn map_range() -> Result<(), String> {
    let (gate_in, gate_out) = rustix::pipe::pipe().map_err(|error| format!("no pipe: {error}"))?;
    let namespace = UnshareFlags::NEWUSER.bits() as i32;
    match clone_process(namespace, None).map_err(|error| format!("cannot make one: {error}"))? {
        Cloned::Child => {
            drop(gate_out);
            let _ = rustix::io::read(&gate_in, &mut [0u8; 1]);
            exit_now(0)
        }
        Cloned::Parent(pid, _pidfd) => {
            drop(gate_in);
            let last = IdRange::new(FIRST_BASE + (SLOTS - 1) * RANGE);
            let mapped = match last {
                Some(range) => range.apply_to(pid).map_err(|error| chain(&error)),
                None => Ok(()),
            };
            drop(gate_out);
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED);
            mapped
        }
    }
}

/// Makes one of every other kind.
pub fn others() -> Line {
    let topic = Topic::Namespaces;
    if let Err(error) = gain_rights() {
        return Line::failed(topic, Verdict::Missing, error, "");
    }
    let kinds = [
        ("mount", UnshareFlags::NEWNS),
        ("process", UnshareFlags::NEWPID),
        ("network", UnshareFlags::NEWNET),
        ("ipc", UnshareFlags::NEWIPC),
        ("host name", UnshareFlags::NEWUTS),
        ("control group", UnshareFlags::NEWCGROUP),
    ];
    let mut failed = Vec::new();
    for (name, kind) in kinds {
        if let Err(error) = unshare(kind) {
            failed.push(format!("{name}: {error}"));
        }
    }
    if failed.is_empty() {
        let found = kinds.map(|(name, _)| name).join(", ");
        Line::new(topic, Verdict::Ok, found, "each container has a system of its own")
    } else {
        let means = "no container runs: the kernel lacks them, or user.max_*_namespaces is 0";
        Line::failed(topic, Verdict::Missing, failed.join("; "), means)
    }
}
