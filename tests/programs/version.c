//! version.exe: prints the Windows version from every place where programs look for it.
#include "text_output.h"

typedef LONG(WINAPI *rtl_get_version)(OSVERSIONINFOEXW *);

static DWORD shared_u32(ULONG offset) { return *(const volatile DWORD *)(ULONG_PTR)(0x7ffe0000 + offset); }

int main(void) {
    OSVERSIONINFOEXW real = {.dwOSVersionInfoSize = sizeof real};
    DWORD product = 0, size = 64;
    char name[64] = "?";
    WCHAR root[64];
    SYSTEM_INFO system;
    rtl_get_version get = (rtl_get_version)(void *)GetProcAddress(GetModuleHandleA("ntdll"), "RtlGetVersion");
    get(&real);
    say("RtlGetVersion %lu.%lu.%lu type %d suite 0x%x\n", real.dwMajorVersion, real.dwMinorVersion,
        real.dwBuildNumber, real.wProductType, real.wSuiteMask);
    say("KUSER_SHARED_DATA %lu.%lu.%lu type %lu suite 0x%lx processors %lu\n", shared_u32(0x26c), shared_u32(0x270),
        shared_u32(0x260), shared_u32(0x264), shared_u32(0x2d0), shared_u32(0x3c0));
    GetProductInfo(10, 0, 0, 0, &product);
    say("GetProductInfo 0x%lx\n", product);
    GetNativeSystemInfo(&system);
    say("processors %lu, SSE2 %d, AVX2 %d\n", system.dwNumberOfProcessors,
        IsProcessorFeaturePresent(PF_XMMI64_INSTRUCTIONS_AVAILABLE), IsProcessorFeaturePresent(40));
    say("extended state 0x%llx\n", (unsigned long long)GetEnabledXStateFeatures());
    GetComputerNameA(name, &size);
    say("computer %s\n", name);
    GetWindowsDirectoryW(root, 64);
    say_wide("windows directory ", root, "\n");
    say_wide("shared system root ", (const WCHAR *)(ULONG_PTR)0x7ffe0030, "\n");
    return 0;
}
