//! What the processor says about itself.
#include "cpu.h"

#include <cpuid.h>

#include "../nt/text.h"

static void copy_registers(char *text, ULONG first, ULONG second, ULONG third) {
    ULONG registers[3] = {first, second, third};
    for (int i = 0; i < 12; i++) text[i] = (char)(registers[i / 4] >> i % 4 * 8);
}

static void read_brand(struct cpu_description *cpu, ULONG highest_extended) {
    cpu->name[0] = 0;
    if (highest_extended < 0x80000004) return;
    char brand[48];
    for (ULONG part = 0; part < 3; part++) {
        unsigned a, b, c, d;
        __cpuid(0x80000002 + part, a, b, c, d);
        copy_registers(brand + part * 16, a, b, c);
        for (int i = 0; i < 4; i++) brand[part * 16 + 12 + i] = (char)(d >> i * 8);
    }
    int from = 0, to = 0;
    while (from < 48 && brand[from] == ' ') from++;
    while (from < 48 && brand[from]) cpu->name[to++] = brand[from++];
    cpu->name[to] = 0;
}

void cpu_identify(struct cpu_description *cpu) {
    unsigned a, b, c, d;
    __cpuid(0, a, b, c, d);
    cpu->highest_leaf = a;
    copy_registers(cpu->vendor, b, d, c);
    cpu->vendor[12] = 0;

    __cpuid(1, a, b, c, d);
    cpu->features_1_ecx = c;
    cpu->features_1_edx = d;
    cpu->stepping = a & 15;
    cpu->family = a >> 8 & 15;
    cpu->model = a >> 4 & 15;
    if (cpu->family == 6 || cpu->family == 15) cpu->model |= a >> 12 & 0xf0;
    if (cpu->family == 15) cpu->family += a >> 20 & 0xff;
}

void cpu_describe(struct cpu_description *cpu) {
    unsigned a, b, c, d;
    cpu_identify(cpu);
    cpu->features_7_ebx = 0;
    if (cpu->highest_leaf >= 7) {
        __cpuid_count(7, 0, a, b, c, d);
        cpu->features_7_ebx = b;
    }
    unsigned highest_extended;
    __cpuid(0x80000000, highest_extended, b, c, d);
    cpu->features_extended_ecx = cpu->features_extended_edx = 0;
    if (highest_extended >= 0x80000001) {
        __cpuid(0x80000001, a, b, c, d);
        cpu->features_extended_ecx = c;
        cpu->features_extended_edx = d;
    }
    read_brand(cpu, highest_extended);
}

WCHAR *cpu_append_identifier(WCHAR *text, const struct cpu_description *cpu) {
    int is_amd = cpu->vendor[0] == 'A' && cpu->vendor[4] == 'e';
    text = text_append(text, is_amd ? L"AMD64 Family " : L"Intel64 Family ");
    text = text_append_number(text, cpu->family);
    text = text_append(text, L" Model ");
    text = text_append_number(text, cpu->model);
    text = text_append(text, L" Stepping ");
    return text_append_number(text, cpu->stepping);
}
