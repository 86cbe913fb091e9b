//! What a silo host's socket understands beyond the bridge's own messages. These concern the host's side only:
//! none reaches the guest.

use casement_gcs::MessageType;

/// Gives the main process's streams to a client: descriptors as in ExecuteProcess, with the same
/// `VsockStdioRelaySettings` as payload.
pub const ATTACH: MessageType = MessageType::from_raw(0x1ff0_0201);
/// The compute system is recorded: from now on it lives on without the connection that started it.
pub const SETTLE: MessageType = MessageType::from_raw(0x1ff0_0301);
/// The compute system is started once more after its end, although it was to be discarded: its registry is saved.
pub const KEEP: MessageType = MessageType::from_raw(0x1ff0_0401);
/// Asks for volume `C:`: the response has descriptors of its root and of the directory with its changes on disk. A volume host,
/// which has no compute system, wants a [`VolumeSpec`](crate::spec::VolumeSpec) as payload.
pub const OPEN_VOLUME: MessageType = MessageType::from_raw(0x1ff0_0501);
/// Holds every process of the compute system.
pub const PAUSE: MessageType = MessageType::from_raw(0x1ff0_0601);
/// Lets them go on.
pub const RESUME: MessageType = MessageType::from_raw(0x1ff0_0701);
/// Replaces the limits of the compute system ([`crate::limits::ChangeLimits`]).
pub const LIMIT: MessageType = MessageType::from_raw(0x1ff0_0801);

/// Asks for the network namespace of the silo: one descriptor in the response.
pub const OPEN_NETWORK: MessageType = MessageType::from_raw(0x1ff0_0901);
/// Says how the silo resolves names ([`crate::resolver::SetResolver`]).
pub const SET_RESOLVER: MessageType = MessageType::from_raw(0x1ff0_0a01);

/// The process id that stands for the main process, and in WaitForProcess for the whole container.
pub const MAIN_PROCESS: u32 = 0;

/// Exit code of a main process that was ended from outside (ERROR_PROCESS_ABORTED).
pub const PROCESS_ABORTED: u32 = 1067;
