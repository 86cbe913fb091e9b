//! Linux system calls made directly from Windows code.
#include "linux_calls.h"

enum {
    F_DUPFD_CLOEXEC_COMMAND = 1030,
    F_SETFD_COMMAND = 2,
    FD_CLOEXEC_FLAG = 1,
    AT_FDCWD_DIRECTORY = -100,
    O_RDWR_FLAG = 2,
    O_CLOEXEC_FLAG = 02000000,
    POLL_READABLE = 1,
    POLL_WRITABLE = 4,
    POLL_NO_TIMEOUT = -1,
    UTS_FIELD = 65,
    SOL_SOCKET_LEVEL = 1,
    SCM_RIGHTS_TYPE = 1,
    MSG_CMSG_CLOEXEC_FLAG = 0x40000000,
    MAX_DESCRIPTORS = 8,
    LINUX_ECONNRESET = 104,
    PROCESSOR_MASK_BYTES = 1024,
    MADV_DONTNEED_ADVICE = 4,
    PAGE_BYTES = 4096,
    STACK_KEPT_BYTES = 16 << 10,  // below the caller's frame
    TEB_STACK_LIMIT = 0x10,       // NT_TIB.StackLimit on x86-64
};

struct linux_pollfd {
    int descriptor;
    short events;
    short returned;
};

struct linux_iovec {
    void *base;
    size_t size;
};

struct linux_msghdr {
    void *name;
    unsigned name_length;
    struct linux_iovec *parts;
    size_t part_count;
    void *control;
    size_t control_length;
    int flags;
};

// One control message of SCM_RIGHTS, with room for its descriptors.
struct rights {
    size_t length;
    int level, type;
    int descriptors[MAX_DESCRIPTORS];
};

static void wait_ready(int descriptor, short events) {
    struct linux_pollfd poll = {descriptor, events, 0};
    linux_call(LINUX_POLL, (long long)&poll, 1, POLL_NO_TIMEOUT, 0);
}

long long linux_read(int descriptor, void *buffer, size_t size) {
    for (;;) {
        long long got = linux_call(LINUX_READ, descriptor, (long long)buffer, (long long)size, 0);
        if (got == -LINUX_EAGAIN) wait_ready(descriptor, POLL_READABLE);
        else if (got != -LINUX_EINTR) return got;
    }
}

static int take_descriptors(const struct rights *rights, size_t received, int *descriptors, int count) {
    enum { HEADER = offsetof(struct rights, descriptors) };
    if (received < HEADER || rights->length < HEADER || rights->length > sizeof *rights) return 0;
    if (rights->level != SOL_SOCKET_LEVEL || rights->type != SCM_RIGHTS_TYPE) return 0;
    int got = (int)((rights->length - HEADER) / sizeof(int));
    for (int i = 0; i < got; i++) {
        if (got == count) descriptors[i] = rights->descriptors[i];
        else linux_close(rights->descriptors[i]);
    }
    return got == count ? count : 0;
}

int linux_receive_descriptors(int socket, void *buffer, size_t size, int *descriptors, int count) {
    struct rights rights;
    struct linux_iovec part = {buffer, size};
    struct linux_msghdr message = {0};
    long long got;
    message.parts = &part;
    message.part_count = 1;
    message.control = &rights;
    do {
        message.control_length = sizeof rights;
        got = linux_call(LINUX_RECVMSG, socket, (long long)&message, MSG_CMSG_CLOEXEC_FLAG, 0);
        if (got == -LINUX_EAGAIN) wait_ready(socket, POLL_READABLE);
    } while (got == -LINUX_EAGAIN || got == -LINUX_EINTR);
    if (got <= 0) return got ? (int)got : -LINUX_ECONNRESET;
    int filled = take_descriptors(&rights, message.control_length, descriptors, count);
    for (size_t done = (size_t)got; done < size; done += (size_t)got) {
        got = linux_read(socket, (char *)buffer + done, size - done);
        if (got <= 0) return got ? (int)got : -LINUX_ECONNRESET;
    }
    return filled;
}

long long linux_write_all(int descriptor, const void *buffer, size_t size) {
    const char *next = buffer;
    while (size) {
        long long put = linux_call(LINUX_WRITE, descriptor, (long long)next, (long long)size, 0);
        if (put == -LINUX_EAGAIN) {
            wait_ready(descriptor, POLL_WRITABLE);
        } else if (put > 0) {
            next += put;
            size -= (size_t)put;
        } else if (put != -LINUX_EINTR) {
            return put ? put : -1;
        }
    }
    return 0;
}

int linux_duplicate_above(int descriptor, int lowest) {
    return (int)linux_call(LINUX_FCNTL, descriptor, F_DUPFD_CLOEXEC_COMMAND, lowest, 0);
}

void linux_close_on_exec(int descriptor) {
    linux_call(LINUX_FCNTL, descriptor, F_SETFD_COMMAND, FD_CLOEXEC_FLAG, 0);
}

void linux_close(int descriptor) {
    linux_call(LINUX_CLOSE, descriptor, 0, 0, 0);
}

void linux_replace_by_null(int descriptor) {
    static const char path[] = "/dev/null";
    int null = (int)linux_call(LINUX_OPENAT, AT_FDCWD_DIRECTORY, (long long)path, O_RDWR_FLAG | O_CLOEXEC_FLAG, 0);
    if (null < 0) return;
    linux_call(LINUX_DUP2, null, descriptor, 0, 0);
    if (null != descriptor) linux_close(null);
}

void linux_release_stack(void) {
    size_t limit, top = (size_t)__builtin_frame_address(0) - STACK_KEPT_BYTES;
    __asm__("movq %%gs:%c1, %0" : "=r"(limit) : "i"(TEB_STACK_LIMIT));
    top &= ~(size_t)(PAGE_BYTES - 1);
    if (top > limit) linux_call(LINUX_MADVISE, (long long)limit, (long long)(top - limit), MADV_DONTNEED_ADVICE, 0);
}

void linux_use_all_processors(void) {
    unsigned char mask[PROCESSOR_MASK_BYTES];
    for (size_t i = 0; i < sizeof mask; i++) ((volatile unsigned char *)mask)[i] = 0xff;
    linux_call(LINUX_SCHED_SETAFFINITY, 0, sizeof mask, (long long)mask, 0);
}

size_t linux_host_name(char *name, size_t size) {
    // struct utsname: six fields of 65 bytes, the second is the node name.
    char uts[6][UTS_FIELD];
    size_t length = 0;
    if (!linux_call(LINUX_UNAME, (long long)uts, 0, 0, 0)) {
        while (length + 1 < size && length < UTS_FIELD && uts[1][length]) {
            name[length] = uts[1][length];
            length++;
        }
    }
    name[length] = 0;
    return length;
}
