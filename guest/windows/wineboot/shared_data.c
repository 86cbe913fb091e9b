//! KUSER_SHARED_DATA: version, product, processor features and extended state layout.
//! Offsets and the XSTATE_CONFIGURATION layout are those of ntddk.h (Windows 10, x64).
#include "boot.h"

#include <cpuid.h>
#include <stddef.h>

enum shared_data_offset {
    TICK_COUNT_MULTIPLIER = 0x004,
    NT_SYSTEM_ROOT = 0x030,
    LARGE_PAGE_MINIMUM = 0x244,
    NT_BUILD_NUMBER = 0x260,
    NT_PRODUCT_TYPE = 0x264,
    PRODUCT_TYPE_IS_VALID = 0x268,
    NATIVE_PROCESSOR_ARCHITECTURE = 0x26a,
    NT_MAJOR_VERSION = 0x26c,
    NT_MINOR_VERSION = 0x270,
    PROCESSOR_FEATURES = 0x274,
    SUITE_MASK = 0x2d0,
    NX_SUPPORT_POLICY = 0x2d5,
    NUMBER_OF_PHYSICAL_PAGES = 0x2e8,
    ACTIVE_PROCESSOR_COUNT = 0x3c0,
    ACTIVE_GROUP_COUNT = 0x3c4,
    XSTATE = 0x3d8,
    XSTATE_SIZE = 0x330,
};

enum {
    TICK_MULTIPLIER_MILLISECONDS = 1 << 24,  // one tick is one millisecond
    LARGE_PAGE_BYTES = 2 << 20,
    NX_POLICY_OPT_IN = 2,
    PRODUCT_WORKSTATION = 1,
    SUITE_TERMINAL = 0x10,          // VER_SUITE_TERMINAL and
    SUITE_SINGLE_USER_TS = 0x100,   // VER_SUITE_SINGLEUSERTS: what every Windows Server reports
    CPUID_LEAF_XSTATE = 0xd,
    XSTATE_LEGACY = 3,              // x87 and SSE
    XSTATE_KNOWN = 0xfc,            // AVX, MPX and AVX-512, the state NT contexts carry
    LEGACY_X87_BYTES = 0xa0,
    LEGACY_SSE_BYTES = 0x100,
    XSAVE_HEADER_END = 512 + 64,
};

struct xstate_feature {
    ULONG offset;
    ULONG size;
};

struct xstate_configuration {
    ULONG64 enabled;
    ULONG64 enabled_volatile;
    ULONG size;
    ULONG flags;  // bit 0: XSAVEOPT, bit 1: XSAVEC
    struct xstate_feature features[64];
    ULONG64 enabled_supervisor;
    ULONG64 aligned;
    ULONG all_size;
    ULONG all_sizes[64];
};
_Static_assert(offsetof(struct xstate_configuration, aligned) == 0x220, "XSTATE_CONFIGURATION.AlignedFeatures");
_Static_assert(offsetof(struct xstate_configuration, all_sizes) == 0x22c, "XSTATE_CONFIGURATION.AllFeatures");
_Static_assert(sizeof(struct xstate_configuration) <= XSTATE_SIZE, "XSTATE_CONFIGURATION fits");

// SYSTEM_BASIC_INFORMATION, as far as it is read here.
struct basic_information {
    ULONG reserved;
    ULONG timer_resolution;
    ULONG page_size;
    ULONG physical_pages;
    ULONG lowest_page;
    ULONG highest_page;
    ULONG granularity;
    ULONG_PTR lowest_address;
    ULONG_PTR highest_address;
    ULONG_PTR affinity;
    CCHAR processors;
};

static void *map_shared_data(void) {
    HANDLE section;
    void *view = NULL;
    SIZE_T size = 0;
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name = text_view(L"\\KernelObjects\\__wine_user_shared_data");
    InitializeObjectAttributes(&attributes, &name, 0, NULL, NULL);
    if (NtOpenSection(&section, SECTION_ACCESS_READ_WRITE, &attributes)) return NULL;
    NTSTATUS status = NtMapViewOfSection(section, CURRENT_PROCESS, &view, 0, 0, NULL, &size, VIEW_UNMAP, 0,
                                         PAGE_READWRITE);
    NtClose(section);
    return status ? NULL : view;
}

static void put_u8(char *page, ULONG offset, UCHAR value) { *(volatile UCHAR *)(page + offset) = value; }
static void put_u16(char *page, ULONG offset, USHORT value) { *(volatile USHORT *)(page + offset) = value; }
static void put_u32(char *page, ULONG offset, ULONG value) { *(volatile ULONG *)(page + offset) = value; }

static void fill_version(char *page) {
    struct os_version version = {.size = sizeof version};
    RtlGetVersion((RTL_OSVERSIONINFOW *)&version);
    put_u32(page, NT_BUILD_NUMBER, version.build);
    put_u32(page, NT_PRODUCT_TYPE, version.product_type);
    put_u8(page, PRODUCT_TYPE_IS_VALID, TRUE);
    put_u16(page, NATIVE_PROCESSOR_ARCHITECTURE, PROCESSOR_ARCHITECTURE_AMD64);
    put_u32(page, NT_MAJOR_VERSION, version.major);
    put_u32(page, NT_MINOR_VERSION, version.minor);
    ULONG suites = version.suite_mask;
    if (version.product_type != PRODUCT_WORKSTATION) suites |= SUITE_TERMINAL | SUITE_SINGLE_USER_TS;
    put_u32(page, SUITE_MASK, suites);
}

// Bits: Intel SDM volume 2A, "CPUID"; meanings: winnt.h, PF_*.
static void fill_processor_features(char *page, const struct cpu_description *cpu) {
    const struct {
        UCHAR feature;
        UCHAR bit;
        ULONG source;
    } features[] = {
        {PF_COMPARE_EXCHANGE_DOUBLE, 8, cpu->features_1_edx},
        {PF_MMX_INSTRUCTIONS_AVAILABLE, 23, cpu->features_1_edx},
        {PF_XMMI_INSTRUCTIONS_AVAILABLE, 25, cpu->features_1_edx},
        {PF_3DNOW_INSTRUCTIONS_AVAILABLE, 31, cpu->features_extended_edx},
        {PF_RDTSC_INSTRUCTION_AVAILABLE, 4, cpu->features_1_edx},
        {PF_PAE_ENABLED, 6, cpu->features_1_edx},
        {PF_XMMI64_INSTRUCTIONS_AVAILABLE, 26, cpu->features_1_edx},
        {PF_NX_ENABLED, 20, cpu->features_extended_edx},
        {PF_SSE3_INSTRUCTIONS_AVAILABLE, 0, cpu->features_1_ecx},
        {PF_COMPARE_EXCHANGE128, 13, cpu->features_1_ecx},
        {PF_XSAVE_ENABLED, 27, cpu->features_1_ecx},
        {PF_RDWRFSGSBASE_AVAILABLE, 0, cpu->features_7_ebx},
        {32 /* PF_RDTSCP_INSTRUCTION_AVAILABLE */, 27, cpu->features_extended_edx},
        {36 /* PF_SSSE3_INSTRUCTIONS_AVAILABLE */, 9, cpu->features_1_ecx},
        {37 /* PF_SSE4_1_INSTRUCTIONS_AVAILABLE */, 19, cpu->features_1_ecx},
        {38 /* PF_SSE4_2_INSTRUCTIONS_AVAILABLE */, 20, cpu->features_1_ecx},
        {39 /* PF_AVX_INSTRUCTIONS_AVAILABLE */, 28, cpu->features_1_ecx},
        {40 /* PF_AVX2_INSTRUCTIONS_AVAILABLE */, 5, cpu->features_7_ebx},
        {41 /* PF_AVX512F_INSTRUCTIONS_AVAILABLE */, 16, cpu->features_7_ebx},
    };
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        put_u8(page, PROCESSOR_FEATURES + features[i].feature, features[i].source >> features[i].bit & 1);
    put_u8(page, PROCESSOR_FEATURES + PF_FASTFAIL_AVAILABLE, TRUE);
}

static ULONG64 enabled_by_system(void) {
    ULONG low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (ULONG64)high << 32 | low;
}

// Where XSAVE puts each part of the extended state (Intel SDM volume 1, chapter 13).
static void fill_xstate(struct xstate_configuration *xstate, const struct cpu_description *cpu) {
    enum { XSAVE_IN_USE = 1 << 27, AVX = 1 << 28 };
    if (!(cpu->features_1_ecx & XSAVE_IN_USE) || !(cpu->features_1_ecx & AVX)) return;
    if (cpu->highest_leaf < CPUID_LEAF_XSTATE) return;
    unsigned a, b, c, d;
    __cpuid_count(CPUID_LEAF_XSTATE, 0, a, b, c, d);
    ULONG64 supported = ((ULONG64)d << 32 | a) & enabled_by_system() & XSTATE_KNOWN;
    if (!supported) return;
    xstate->all_size = b;
    __cpuid_count(CPUID_LEAF_XSTATE, 1, a, b, c, d);
    xstate->flags = a & 3;
    xstate->features[0].size = xstate->all_sizes[0] = LEGACY_X87_BYTES;
    xstate->features[1].size = xstate->all_sizes[1] = LEGACY_SSE_BYTES;
    xstate->features[1].offset = LEGACY_X87_BYTES;
    ULONG compacted_end = XSAVE_HEADER_END, standard_end = XSAVE_HEADER_END;
    for (ULONG i = 2; supported >> i; i++) {
        if (!(supported >> i & 1)) continue;
        __cpuid_count(CPUID_LEAF_XSTATE, i, a, b, c, d);
        xstate->features[i].offset = b;
        xstate->features[i].size = xstate->all_sizes[i] = a;
        standard_end = b + a;
        if (c & 2) {
            xstate->aligned |= (ULONG64)1 << i;
            compacted_end = (compacted_end + 63) & ~63u;
        }
        compacted_end += a;
    }
    xstate->size = xstate->flags & 2 ? compacted_end : standard_end;
    xstate->enabled_volatile = supported | XSTATE_LEGACY;
    xstate->enabled = supported | XSTATE_LEGACY;
}

void boot_fill_shared_data(const struct cpu_description *cpu, ULONG processors) {
    static const WCHAR root[] = L"C:\\Windows";
    struct basic_information basic = {0};
    char *page = map_shared_data();
    if (!page) return;
    put_u32(page, TICK_COUNT_MULTIPLIER, TICK_MULTIPLIER_MILLISECONDS);
    put_u32(page, LARGE_PAGE_MINIMUM, LARGE_PAGE_BYTES);
    put_u8(page, NX_SUPPORT_POLICY, NX_POLICY_OPT_IN);
    for (size_t i = 0; i < sizeof root / sizeof *root; i++)
        put_u16(page, NT_SYSTEM_ROOT + (ULONG)(i * sizeof(WCHAR)), root[i]);
    fill_version(page);
    fill_processor_features(page, cpu);
    if (!NtQuerySystemInformation(SystemBasicInformation, &basic, sizeof basic, NULL))
        put_u32(page, NUMBER_OF_PHYSICAL_PAGES, basic.physical_pages);
    put_u32(page, ACTIVE_PROCESSOR_COUNT, processors);
    put_u8(page, ACTIVE_GROUP_COUNT, 1);
    fill_xstate((struct xstate_configuration *)(page + XSTATE), cpu);
    NtUnmapViewOfSection(CURRENT_PROCESS, page);
}
