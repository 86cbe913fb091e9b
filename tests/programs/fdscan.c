//! fdscan.exe: lists the Linux file descriptors that this process has open and what they are, to find leaked ones.
#include "linux_syscall.h"
#include "text_output.h"

enum { MAX_DESCRIPTOR = 1024, GET_DESCRIPTOR_FLAGS = 1 };

int main(void) {
    for (int descriptor = 0; descriptor < MAX_DESCRIPTOR; descriptor++) {
        char link[64], target[256];
        word flags = CALL2(NR_FCNTL, descriptor, GET_DESCRIPTOR_FLAGS);
        if (flags < 0) continue;
        snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
        word length = CALL3(NR_READLINK, link, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = 0;
        say("%d %s %s\n", descriptor, flags & 1 ? "cloexec" : "inherited", target);
    }
    return 0;
}
