//! Crashes: the daemon, silo hosts and the processes of containers are killed, and nothing that was acknowledged is lost, nothing
//! half-made stays, and nobody is left waiting (attack R10).

mod builds;
mod container_processes;
mod daemon_away;
mod daemon_storm;
mod plumbing;
mod random;
mod trace;
mod volume;
