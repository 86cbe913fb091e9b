//! The guest agent: pid 1 of every silo. It takes requests over the guest compute service's bridge, starts
//! wineserver and the silo's programs, and takes every process away that ends.
//!
//! One thread, one loop. Its end is the end of the silo.

mod launcher;
mod launcher_protocol;
mod linux;
mod program;
mod service;
mod terminal;
mod wineserver;

use casement_gcs::Endpoint;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

/// How long nothing happens before a launcher is made to stand by: whoever waits for the end of a program comes first.
const QUIET: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        // There is nobody to tell: the bridge is how the agent speaks.
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve() -> Result<(), casement_gcs::GcsError> {
    let children = linux::child_events()?;
    let mut service = service::Service::new(Endpoint::new(linux::bridge()?)?);
    while !service.is_finished() {
        let ready = wait(&service, &children)?;
        if ready.children {
            drain(&children);
            service.reap();
        }
        if ready.quiet {
            service.stand_by();
        }
        service.serve_programs(&ready.programs);
        if ready.bridge {
            service.serve_bridge()?;
        }
        service.flush()?;
    }
    Ok(())
}

struct Ready {
    quiet: bool,
    bridge: bool,
    children: bool,
    programs: Vec<usize>,
}

fn wait(service: &service::Service, children: &OwnedFd) -> Result<Ready, casement_gcs::GcsError> {
    let mut fds = vec![
        PollFd::from_borrowed_fd(service.bridge().as_fd(), service.bridge().poll_flags()),
        PollFd::from_borrowed_fd(children.as_fd(), PollFlags::IN),
    ];
    let mut owners = Vec::new();
    for (index, program) in service.programs().enumerate() {
        for fd in program.interests() {
            owners.push(index);
            fds.push(fd);
        }
    }
    let patience = service.wants_stand_by().then_some(&QUIET);
    let ready_count = loop {
        match poll(&mut fds, patience) {
            Ok(count) => break count,
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(std::io::Error::from(e).into()),
        }
    };
    let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
    let mut programs: Vec<usize> =
        owners.iter().zip(&fds[2..]).filter(|(_, fd)| is_ready(fd)).map(|(index, _)| *index).collect();
    programs.dedup();
    Ok(Ready { quiet: ready_count == 0, bridge: is_ready(&fds[0]), children: is_ready(&fds[1]), programs })
}

fn drain(children: &OwnedFd) {
    let mut events = [0u8; 1024];
    while rustix::io::read(children, &mut events).is_ok_and(|n| n > 0) {}
}
