//! The kernel's side of FUSE (`include/uapi/linux/fuse.h`, protocol 7.45), as much of it as a volume needs.

pub mod connection;
pub mod device;
pub mod number;
pub mod reply;
pub mod request;
