//! What POSIX asks of a file system, as far as a volume of Windows has it. CONFORMANCE.md says which parts of pjdfstest and
//! xfstests these stand for, and which are left out.

mod attributes;
mod content;
mod listing;
mod permissions;
mod refusals;
mod times;
