//! The registry as Wine keeps it: text files `system.reg`, `user.reg` and `userdef.reg`.
