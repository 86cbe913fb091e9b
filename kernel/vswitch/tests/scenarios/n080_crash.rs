//! The daemon is killed at each request that it sends to the kernel. Afterwards no trace of half-made things is left, and the
//! connections of what ran before stay open.
#![allow(unsafe_code)]

use std::collections::BTreeSet;

use casement_vswitch::*;

use crate::world::*;

/// How the child of a round ended.
#[derive(Debug, PartialEq)]
enum End {
    Killed,
    Finished,
}

/// Runs `work` in a copy of this process, which is killed before it sends its request number `at` to the kernel, counted from
/// when it asks for its parent's id. To be called on a thread of the namespace where it is to run.
fn killed_at(at: usize, work: impl FnOnce()) -> End {
    // SAFETY: fork(2); the child uses only what it makes itself and what glibc keeps usable, and ends with _exit.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: calls without pointers.
        unsafe {
            libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
            libc::raise(libc::SIGSTOP);
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // SAFETY: ends the process.
        unsafe { libc::_exit(if outcome.is_ok() { 0 } else { 3 }) }
    }
    let (mut status, mut requests, mut counting) = (0, 0, false);
    // Threads of the child that are inside a system call.
    let mut inside = BTreeSet::new();
    // SAFETY: the child is ours and traced by this thread; the kernel writes the status and the registers.
    unsafe {
        assert_eq!(libc::waitpid(child, &mut status, libc::__WALL), child);
        let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_EXITKILL;
        assert_eq!(libc::ptrace(libc::PTRACE_SETOPTIONS, child, 0, options), 0);
        libc::ptrace(libc::PTRACE_SYSCALL, child, 0, 0);
        loop {
            let thread = libc::waitpid(-1, &mut status, libc::__WALL);
            assert!(thread > 0, "{}", std::io::Error::last_os_error());
            if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
                if thread == child {
                    if libc::WIFSIGNALED(status) {
                        return End::Killed;
                    }
                    assert_eq!(libc::WEXITSTATUS(status), 0, "the child failed");
                    return End::Finished;
                }
                continue;
            }
            if libc::WSTOPSIG(status) == libc::SIGTRAP | 0x80 && !inside.remove(&thread) {
                inside.insert(thread);
                let mut registers: libc::user_regs_struct = std::mem::zeroed();
                libc::ptrace(libc::PTRACE_GETREGS, thread, 0, &raw mut registers);
                match registers.orig_rax as i64 {
                    libc::SYS_getppid => counting = true,
                    libc::SYS_sendto | libc::SYS_write if counting => {
                        requests += 1;
                        if requests == at {
                            libc::kill(child, libc::SIGKILL);
                        }
                    }
                    _ => {}
                }
            }
            libc::ptrace(libc::PTRACE_SYSCALL, thread, 0, 0);
        }
    }
}

fn picture(world: &World) -> String {
    let shown = || ["-o link", "-o addr", "route", "-6 route", "neigh show nud permanent"].map(ip).concat();
    let forwarding = || read("/proc/sys/net/ipv4/ip_forward");
    world.host.run(|| shown() + &forwarding()).unwrap()
}

/// A network beside the one that runs, with an endpoint that has everything.
fn second() -> (Network, Endpoint) {
    let network = network(NetworkKind::Nat, 101);
    let mut b = endpoint(&network, 2);
    b.port_mappings =
        vec![PortMapping { transport: Transport::Tcp, host_address: None, host_port: 8081, endpoint_port: 80 }];
    b.maximum_outgoing_bandwidth = Some(1 << 30);
    for place in [RuleType::Switch, RuleType::Host] {
        b.acls.push(AclRule {
            protocols: vec![6],
            remote_ports: vec![25..=26],
            ..AclRule::new(Action::Block, Direction::Out, place, 1)
        });
    }
    (network, b)
}

#[test]
fn n080_killed_at_each_request() {
    let mut world = World::new();
    let first = network(NetworkKind::Nat, 100);
    world.network(&first);
    let mut a = endpoint(&first, 2);
    a.port_mappings =
        vec![PortMapping { transport: Transport::Tcp, host_address: None, host_port: 8080, endpoint_port: 80 }];
    let container = world.attach(&a);
    Mirror::listen(&container, (address(&a), 80));
    Mirror::listen(&world.internet, (INTERNET, 80));
    let mut out = open(&container, INTERNET.parse().unwrap(), 80, PATIENCE).unwrap();
    let mut inward = open(&world.internet, HOST.parse().unwrap(), 8080, PATIENCE).unwrap();
    let before = picture(&world);
    let running = Attachment { endpoint: a.clone(), namespace: container.clone() };
    let base = Desired { networks: vec![first.clone()], attachments: vec![running] };
    let (network, b) = second();
    let mut at = 0;
    loop {
        at += 1;
        let namespace = Namespace::create().unwrap();
        let end = world
            .host
            .run(|| {
                killed_at(at, || {
                    let switch = VSwitch::open().unwrap();
                    switch.reconcile(base.clone()).unwrap();
                    std::hint::black_box(std::os::unix::process::parent_id());
                    switch.create_network(network.clone()).unwrap();
                    switch.attach(b.clone(), &namespace).unwrap();
                    let mut changed = b.clone();
                    changed.port_mappings[0].host_port = 8082;
                    changed.acls.pop();
                    switch.modify(changed).unwrap();
                    switch.detach(b.id).unwrap();
                    switch.delete_network(network.id).unwrap();
                })
            })
            .unwrap();
        world.switch = world.host.run(VSwitch::open).unwrap().unwrap();
        if at % 2 == 0 {
            // The store has kept the new ones: they are completed.
            let mut full = base.clone();
            full.networks.push(network.clone());
            full.attachments.push(Attachment { endpoint: b.clone(), namespace: namespace.clone() });
            let done = world.on_host(|switch| switch.reconcile(full)).unwrap();
            assert!(done.failures.is_empty(), "killed at {at}: {done:?}");
            assert_eq!(tcp(&namespace, INTERNET, 80), HOST.parse::<std::net::IpAddr>().unwrap(), "killed at {at}");
        }
        let done = world.on_host(|switch| switch.reconcile(base.clone())).unwrap();
        assert!(done.failures.is_empty(), "killed at {at}: {done:?}");
        let again = world.on_host(|switch| switch.repair()).unwrap();
        assert_eq!(again.repairs, [], "killed at {at}");
        for (after, before) in picture(&world).lines().zip(before.lines()) {
            assert_eq!(after, before, "killed at {at}");
        }
        assert_eq!(picture(&world).lines().count(), before.lines().count(), "killed at {at}");
        out.is_alive().unwrap_or_else(|error| panic!("killed at {at}: {error}"));
        inward.is_alive().unwrap_or_else(|error| panic!("killed at {at}: {error}"));
        if end == End::Finished {
            break;
        }
    }
    assert!(at > 15, "only {at} requests were seen");
}
