//! What the runtime is made of: Debian packages, and the files that are taken from them.
//!
//! The lists hold what console programs load, found by running them (no X11, sound, printing, USB, D-Bus).

/// Raised whenever the same packages and pieces would give another tree.
pub const RECIPE: u32 = 2;
/// The time of all files, in seconds since 1970: 21 January 2025, the day of Wine 10.0.
pub const FILE_TIME: u64 = 1_737_417_600;
/// The upstream version that everything here is tested with.
pub const WINE_VERSION: &str = "10.0";
/// The Debian suite that has it.
pub const SUITE: &str = "trixie";
/// The architecture of the packages.
pub const ARCHITECTURE: &str = "amd64";
/// Directory of libraries in the tree and in the packages.
pub const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
/// Wine's Windows-side files, in the tree and in the packages.
pub const WINDOWS_FILES: &str = "usr/lib/x86_64-linux-gnu/wine/x86_64-windows";
/// Wine's Linux-side halves of DLLs, in the tree and in the packages.
pub const UNIX_FILES: &str = "usr/lib/x86_64-linux-gnu/wine/x86_64-unix";
/// What a PE file of Wine carries at [`SIGNATURE_OFFSET`]; its loader treats such a file as its own.
pub const SIGNATURE: &[u8; 16] = b"Wine builtin DLL";
/// Offset of [`SIGNATURE`] in a PE file.
pub const SIGNATURE_OFFSET: usize = 0x40;

/// The package whose version is pinned.
pub const WINE_PACKAGE: &str = "wine64";

/// Every package, sorted.
pub const PACKAGES: [&str; 19] = [
    "ca-certificates",
    "libc-bin",
    "libc6",
    "libffi8",
    "libgcc-s1",
    "libgmp10",
    "libgnutls30t64",
    "libhogweed6t64",
    "libidn2-0",
    "liblzma5",
    "libnettle8t64",
    "libp11-kit0",
    "libtasn1-6",
    "libunistring5",
    "libunwind8",
    "libwine",
    "libz-mingw-w64",
    "wine64",
    "zlib1g",
];

/// Shared libraries that Wine's Linux side links or opens.
///
/// libgcc_s is opened by glibc when a thread ends; gnutls and what it needs serve bcrypt, secur32 and crypt32.
pub const SHARED_LIBRARIES: [&str; 15] = [
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libunwind.so.8",
    "liblzma.so.5",
    "libgnutls.so.30",
    "libp11-kit.so.0",
    "libidn2.so.0",
    "libunistring.so.5",
    "libtasn1.so.6",
    "libnettle.so.8",
    "libhogweed.so.6",
    "libgmp.so.10",
    "libffi.so.8",
    "libz.so.1",
];

/// The program interpreter; in the packages it lies among the libraries.
pub const INTERPRETER: &str = "ld-linux-x86-64.so.2";

/// Linux-side halves of Wine's DLLs.
pub const UNIX_HALVES: [&str; 12] = [
    "bcrypt.so",
    "crypt32.so",
    "dnsapi.so",
    "localspl.so",
    "mountmgr.so",
    "msv1_0.so",
    "netapi32.so",
    "nsiproxy.so",
    "ntdll.so",
    "secur32.so",
    "win32u.so",
    "ws2_32.so",
];

/// Programs, below `usr/lib/wine`.
pub const PROGRAMS: [&str; 2] = ["wine64", "wineserver64"];

/// Where the packages have the zlib DLL that Debian's user32.dll imports. It carries no builtin signature there.
pub const ZLIB_DLL: &str = "usr/x86_64-w64-mingw32/lib/zlib1.dll";

/// Empty directories of the tree: mount points of a silo, and what programs expect to exist.
pub const DIRECTORIES: [&str; 10] =
    ["dev", "proc", "sys", "tmp", "silo", "run", "etc", "root", "usr/lib/wine", "usr/share/wine"];

/// Small text files of the tree: nothing of the host is in them.
pub const TEXT_FILES: [(&str, &str); 5] = [
    ("etc/passwd", "root:x:0:0:root:/root:/none\ncontainer:x:1000:1000:container:/tmp:/none\n"),
    ("etc/group", "root:x:0:\ncontainer:x:1000:\n"),
    ("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ("etc/resolv.conf", ""),
];

/// The licences of what the tree holds.
pub const LICENCE_NOTE: &str = "Wine is licensed under the GNU LGPL 2.1 or later; glibc, gnutls, gmp, nettle, p11-kit, \
    libidn2, libunistring and libtasn1 under the GNU LGPL or more liberal terms; libgcc under the GPL with the runtime library \
    exception; zlib, libffi, liblzma and libunwind under liberal licences; the certificate list under the MPL 2.0. The \
    copyright files of the packages are in the directory licences. Sources: apt-get source of the packages named here.";
