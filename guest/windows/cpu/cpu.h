//! What the processor says about itself, as Windows reports it in the registry and the environment.
#ifndef CASEMENT_CPU_H
#define CASEMENT_CPU_H

#include <windows.h>

struct cpu_description {
    char vendor[13];  // "GenuineIntel", "AuthenticAMD", ...
    char name[49];    // the brand string, without leading blanks; empty when the processor has none
    ULONG family;
    ULONG model;
    ULONG stepping;
    ULONG features_1_ecx;
    ULONG features_1_edx;
    ULONG features_7_ebx;
    ULONG features_extended_ecx;
    ULONG features_extended_edx;
    ULONG highest_leaf;
};

// Asks cpuid (Intel SDM volume 2A, "CPUID"; AMD APM volume 3, appendix E) for the vendor, family, model, stepping,
// the highest leaf and the features of leaf 1 only: each cpuid traps in a virtual machine.
void cpu_identify(struct cpu_description *cpu);

// The same, and everything else.
void cpu_describe(struct cpu_description *cpu);

// The clock, from cpuid or, where it is silent, from /proc/cpuinfo. In MHz; 0 when unknown.
ULONG cpu_megahertz(ULONG highest_leaf);

// Writes "Intel64 Family 6 Model 85 Stepping 7" (or "AMD64 ..."); `text` holds CPU_IDENTIFIER_SIZE units.
enum { CPU_IDENTIFIER_SIZE = 96 };
WCHAR *cpu_append_identifier(WCHAR *text, const struct cpu_description *cpu);

#endif
