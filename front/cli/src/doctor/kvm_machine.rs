//! A virtual machine of one processor and 32 KiB that runs a few instructions in ring 0 and halts.
//!
//! Numbers and structures are those of `linux/kvm.h` for x86-64. No `kvm_run` is mapped: where the program came to
//! its end is seen from the instruction pointer.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl};

/// The version every kernel since 2.6.22 has.
const API_VERSION: i32 = 12;

const GET_API_VERSION: Opcode = 0xae00;
const CREATE_VM: Opcode = 0xae01;
const GET_SUPPORTED_CPUID: Opcode = 0xc008_ae05;
const CREATE_VCPU: Opcode = 0xae41;
const SET_USER_MEMORY_REGION: Opcode = 0x4020_ae46;
const RUN: Opcode = 0xae80;
const GET_REGS: Opcode = 0x8090_ae81;
const SET_REGS: Opcode = 0x4090_ae82;
const GET_SREGS: Opcode = 0x8138_ae83;
const SET_SREGS: Opcode = 0x4138_ae84;
const SET_CPUID2: Opcode = 0x4008_ae90;

const PAGE: usize = 4096;
/// Pages of the machine: three levels of page tables, then code, then stack.
const PAGES: usize = 8;
const CODE: u64 = 4 * PAGE as u64;
/// Top of the stack; 64 bytes above it are the machine's, too.
const STACK: u64 = (PAGES * PAGE) as u64 - 64;
/// Entries of processor features that are passed on; each is ten words.
const FEATURES: usize = 256;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// At the `hlt` that is its last byte.
    AtHalt,
    /// Before it: an instruction failed.
    Elsewhere,
}

#[repr(C, align(4096))]
#[derive(Clone, Copy)]
struct Page([u8; PAGE]);

/// `struct kvm_userspace_memory_region`.
#[repr(C)]
struct MemoryRegion {
    slot: u32,
    flags: u32,
    guest_address: u64,
    size: u64,
    host_address: u64,
}

/// `struct kvm_regs`: rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8 to r15, rip, rflags.
#[repr(C)]
#[derive(Default)]
struct Registers([u64; 18]);

const RSP: usize = 6;
const RIP: usize = 16;
const RFLAGS: usize = 17;

/// `struct kvm_segment`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Segment {
    base: u64,
    limit: u32,
    selector: u16,
    kind: u8,
    present: u8,
    dpl: u8,
    db: u8,
    s: u8,
    l: u8,
    g: u8,
    avl: u8,
    unusable: u8,
    padding: u8,
}

/// `struct kvm_sregs`.
#[repr(C)]
#[derive(Default)]
struct SpecialRegisters {
    /// cs, ds, es, fs, gs, ss.
    segments: [Segment; 6],
    tr_ldt: [Segment; 2],
    /// gdt and idt: base, then limit and padding.
    tables: [u64; 4],
    cr0: u64,
    cr2: u64,
    cr3: u64,
    cr4: u64,
    cr8: u64,
    efer: u64,
    apic_base: u64,
    interrupts: [u64; 4],
}

const _: () = assert!(size_of::<MemoryRegion>() == 32);
const _: () = assert!(size_of::<Registers>() == 144);
const _: () = assert!(size_of::<SpecialRegisters>() == 312);

/// One request to KVM with a pointer or nothing as its argument.
struct Call {
    opcode: Opcode,
    argument: *mut c_void,
}

// SAFETY: `output_from_ptr` does not use the pointer; that opcode and argument belong together is promised to `call`.
unsafe impl Ioctl for Call {
    type Output = i32;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        self.opcode
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.argument
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> rustix::io::Result<i32> {
        Ok(out)
    }
}

/// Makes a request whose argument is a structure.
///
/// # Safety
/// `T` must be the structure of that request, in its size and with valid addresses in it.
unsafe fn call<T>(fd: impl AsFd, opcode: Opcode, argument: &mut T) -> rustix::io::Result<i32> {
    let argument = std::ptr::from_mut(argument).cast();
    // SAFETY: the caller's promise.
    unsafe { ioctl(fd, Call { opcode, argument }) }
}

/// Makes a request that takes no argument.
///
/// # Safety
/// The request must be one that takes no argument.
unsafe fn plain(fd: impl AsFd, opcode: Opcode) -> rustix::io::Result<i32> {
    // SAFETY: the caller's promise.
    unsafe { ioctl(fd, Call { opcode, argument: std::ptr::null_mut() }) }
}

fn owned(fd: i32) -> OwnedFd {
    // SAFETY: only called with the fresh descriptor that a request has just returned.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// A machine ready to run.
pub struct Machine {
    // In this order, so that the memory outlives those who use it.
    processor: OwnedFd,
    _machine: OwnedFd,
    _memory: Box<[Page]>,
    end: u64,
}

impl Machine {
    /// Makes a machine with 64-bit code, whose last byte is `hlt`, in ring 0 and with its first 2 MiB mapped to
    /// themselves. The error says in words what the host refused.
    pub fn new(code: &[u8]) -> Result<Self, String> {
        let device: File = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/kvm")
            .map_err(|error| format!("cannot open /dev/kvm: {error}"))?;
        let refused = |what: &'static str| move |error: Errno| format!("/dev/kvm refuses {what}: {error}");
        // SAFETY: takes no argument.
        let version = unsafe { plain(&device, GET_API_VERSION) }.map_err(refused("its version"))?;
        if version != API_VERSION {
            return Err(format!("/dev/kvm has version {version} and not {API_VERSION}"));
        }
        // SAFETY: the argument is the machine type, 0 for the ordinary one.
        let machine = owned(unsafe { plain(&device, CREATE_VM) }.map_err(refused("a machine"))?);
        let mut memory = memory(code);
        let mut region = MemoryRegion {
            slot: 0,
            flags: 0,
            guest_address: 0,
            size: (PAGES * PAGE) as u64,
            host_address: memory.as_mut_ptr() as u64,
        };
        // SAFETY: the structure of the request; the memory lives as long as the machine, see `Machine`.
        unsafe { call(&machine, SET_USER_MEMORY_REGION, &mut region) }.map_err(refused("memory"))?;
        // SAFETY: the argument is the number of the processor, 0.
        let processor = owned(unsafe { plain(&machine, CREATE_VCPU) }.map_err(refused("a processor"))?);
        pass_features(&device, &processor).map_err(refused("processor features"))?;
        enter_long_mode(&processor).map_err(refused("64-bit mode"))?;
        let mut registers = Registers::default();
        registers.0[RSP] = STACK;
        registers.0[RIP] = CODE;
        registers.0[RFLAGS] = 2;
        // SAFETY: the structure of the request.
        unsafe { call(&processor, SET_REGS, &mut registers) }.map_err(refused("registers"))?;
        Ok(Self { processor, _machine: machine, _memory: memory, end: CODE + code.len() as u64 })
    }

    /// Runs until the processor leaves the machine; says where, and how long it took.
    pub fn run(&mut self) -> Result<(Ended, Duration), String> {
        let start = Instant::now();
        // SAFETY: takes no argument; the machine can only touch its own memory.
        let left = unsafe { plain(&self.processor, RUN) };
        let time = start.elapsed();
        left.map_err(|error| format!("/dev/kvm does not run code: {error}"))?;
        let mut registers = Registers::default();
        // SAFETY: the structure of the request.
        unsafe { call(&self.processor, GET_REGS, &mut registers) }
            .map_err(|error| format!("/dev/kvm hides the registers: {error}"))?;
        let ended = if registers.0[RIP] == self.end { Ended::AtHalt } else { Ended::Elsewhere };
        Ok((ended, time))
    }
}

/// Page tables that map the first 2 MiB to themselves, and the code.
fn memory(code: &[u8]) -> Box<[Page]> {
    /// Present and writable.
    const TABLE: u64 = 0x3;
    /// The same for a page of 2 MiB.
    const LARGE: u64 = 0x83;
    let mut memory = vec![Page([0; PAGE]); PAGES].into_boxed_slice();
    for (page, entry) in [(1, (2 * PAGE as u64) | TABLE), (2, (3 * PAGE as u64) | TABLE), (3, LARGE)] {
        memory[page].0[..8].copy_from_slice(&entry.to_le_bytes());
    }
    memory[CODE as usize / PAGE].0[..code.len()].copy_from_slice(code);
    memory
}

/// Gives the processor all features that KVM supports.
fn pass_features(device: &File, processor: &OwnedFd) -> rustix::io::Result<()> {
    /// `struct kvm_cpuid2` with room for its entries.
    #[repr(C)]
    struct Features {
        count: u32,
        padding: u32,
        entries: [[u32; 10]; FEATURES],
    }
    let mut features = Features { count: FEATURES as u32, padding: 0, entries: [[0; 10]; FEATURES] };
    // SAFETY: the structure of the request, whose count says how many entries there is room for.
    unsafe { call(device, GET_SUPPORTED_CPUID, &mut features) }?;
    // SAFETY: the same structure, with the count that the kernel has set.
    unsafe { call(processor, SET_CPUID2, &mut features) }.map(drop)
}

/// Sets segments, page tables and control registers for 64-bit code in ring 0.
fn enter_long_mode(processor: &OwnedFd) -> rustix::io::Result<()> {
    /// Protection, extension type, numeric errors, write protection, paging.
    const CR0: u64 = 0x8001_0031;
    /// Physical address extension, FXSR.
    const CR4: u64 = 0x220;
    /// Long mode enabled and active.
    const EFER: u64 = 0x500;
    let mut special = SpecialRegisters::default();
    // SAFETY: the structure of the request.
    unsafe { call(processor, GET_SREGS, &mut special) }?;
    let flat = Segment { limit: u32::MAX, present: 1, s: 1, g: 1, ..Segment::default() };
    let data = Segment { selector: 0x10, kind: 3, db: 1, ..flat };
    special.segments = [data; 6];
    special.segments[0] = Segment { selector: 8, kind: 11, l: 1, ..flat };
    special.cr0 = CR0;
    special.cr3 = PAGE as u64;
    special.cr4 = CR4;
    special.efer = EFER;
    // SAFETY: the structure of the request.
    unsafe { call(processor, SET_SREGS, &mut special) }.map(drop)
}
