//! The registry as Wine keeps it: text files `system.reg`, `user.reg` and `userdef.reg`.
/// Placeholder error.
#[derive(Debug, thiserror::Error)]
#[error("registry")]
pub struct RegistryError;
