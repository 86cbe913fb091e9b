//! Linux system calls made directly from Windows code: the `syscall` instruction reaches the Linux kernel under Wine.
//! Used where the object is a Linux one (the control socket, the container's stdio), so that no NT handle is needed.
#ifndef CASEMENT_LINUX_CALLS_H
#define CASEMENT_LINUX_CALLS_H

#include <stddef.h>

// Numbers of the x86-64 Linux system calls used here (arch/x86/entry/syscalls/syscall_64.tbl).
enum linux_call_number {
    LINUX_READ = 0,
    LINUX_WRITE = 1,
    LINUX_CLOSE = 3,
    LINUX_POLL = 7,
    LINUX_MADVISE = 28,
    LINUX_DUP2 = 33,
    LINUX_RECVMSG = 47,
    LINUX_UNAME = 63,
    LINUX_FCNTL = 72,
    LINUX_SCHED_SETAFFINITY = 203,
    LINUX_OPENAT = 257,
};

enum linux_error {
    LINUX_EINTR = 4,
    LINUX_EAGAIN = 11,
};

static inline long long linux_call(long long number, long long first, long long second, long long third,
                                   long long fourth) {
    long long result;
    register long long r10 __asm__("r10") = fourth;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

// Reads once; waits when the descriptor is non-blocking. Returns the bytes read, 0 at the end, a negative errno.
long long linux_read(int descriptor, void *buffer, size_t size);

// Receives exactly `size` bytes from a socket, and the descriptors sent along with the first of them, closed on exec.
// Fills `descriptors` when their number is `count`, else closes them. Returns how many it filled, or a negative errno;
// the end of the connection is an error too.
int linux_receive_descriptors(int socket, void *buffer, size_t size, int *descriptors, int count);

// Writes all of `size` bytes; waits when the descriptor is non-blocking. Returns 0 or a negative errno.
long long linux_write_all(int descriptor, const void *buffer, size_t size);

// Duplicates `descriptor` to a number not below `lowest`, closed on exec. Returns it or a negative errno.
int linux_duplicate_above(int descriptor, int lowest);

// Makes `descriptor` not survive an exec.
void linux_close_on_exec(int descriptor);

// Puts /dev/null in the place of `descriptor`.
void linux_replace_by_null(int descriptor);

void linux_close(int descriptor);

// Gives the unused part of the calling thread's stack back to Linux: Wine's loader writes to 960 KB of it in every thread.
void linux_release_stack(void);

// Lets the calling thread, and what it starts, run on every processor that its cpuset allows.
void linux_use_all_processors(void);

// Copies the host name of this UTS namespace, cut to `size - 1` bytes, always terminated. Returns its length.
size_t linux_host_name(char *name, size_t size);

#endif
