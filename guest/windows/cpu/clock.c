//! The processor's clock rate.
#include <cpuid.h>

#include "../nt/linux_calls.h"
#include "cpu.h"

enum {
    LEAF_TIME_STAMP_COUNTER = 0x15,
    LEAF_FREQUENCY = 0x16,
    LEAF_HYPERVISOR = 0x40000000,
    LEAF_HYPERVISOR_TIMING = 0x40000010,
    HYPERVISOR_PRESENT = 1u << 31,
    CPUINFO_BYTES = 2048,
    AT_FDCWD_DIRECTORY = -100,
    O_CLOEXEC_FLAG = 02000000,
};

// The first "cpu MHz : 1234.567" of /proc/cpuinfo, rounded down.
static ULONG megahertz_from_cpuinfo(void) {
    static const char path[] = "/proc/cpuinfo", label[] = "cpu MHz";
    char text[CPUINFO_BYTES];
    int file = (int)linux_call(LINUX_OPENAT, AT_FDCWD_DIRECTORY, (long long)path, O_CLOEXEC_FLAG, 0);
    if (file < 0) return 0;
    long long size = linux_read(file, text, sizeof text);
    linux_close(file);
    for (long long at = 0; at + (long long)sizeof label < size; at++) {
        size_t matched = 0;
        while (matched < sizeof label - 1 && text[at + (long long)matched] == label[matched]) matched++;
        if (matched < sizeof label - 1) continue;
        long long digit = at + (long long)matched;
        while (digit < size && (text[digit] == ' ' || text[digit] == '\t' || text[digit] == ':')) digit++;
        ULONG value = 0;
        while (digit < size && text[digit] >= '0' && text[digit] <= '9' && value < 1000000)
            value = value * 10 + (ULONG)(text[digit++] - '0');
        return value;
    }
    return 0;
}

ULONG cpu_megahertz(ULONG highest_leaf) {
    unsigned a, b, c, d;
    if (highest_leaf >= LEAF_TIME_STAMP_COUNTER) {
        __cpuid(LEAF_TIME_STAMP_COUNTER, a, b, c, d);
        if (a && b && c) return (ULONG)((unsigned long long)c * b / a / 1000000);
    }
    if (highest_leaf >= LEAF_FREQUENCY) {
        __cpuid(LEAF_FREQUENCY, a, b, c, d);
        if (a & 0xffff) return a & 0xffff;
    }
    __cpuid(1, a, b, c, d);
    if (c & HYPERVISOR_PRESENT) {
        __cpuid(LEAF_HYPERVISOR, a, b, c, d);
        if (a >= LEAF_HYPERVISOR_TIMING) {
            __cpuid(LEAF_HYPERVISOR_TIMING, a, b, c, d);
            if (a) return a / 1000;
        }
    }
    return megahertz_from_cpuinfo();
}
