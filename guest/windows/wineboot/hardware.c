//! HKLM\HARDWARE: the volatile description of the machine that programs read for processor name and clock.
#include "boot.h"

enum { MAX_PROCESSORS_DESCRIBED = 256, KEY_NAME_SIZE = 16, NAME_SIZE = 64 };

static void describe_processor(HANDLE parent, ULONG number, const struct cpu_description *cpu, ULONG megahertz) {
    WCHAR name[KEY_NAME_SIZE], text[CPU_IDENTIFIER_SIZE];
    text_append_number(name, number);
    HANDLE key = boot_create_key(parent, name, REG_OPTION_VOLATILE);
    if (!key) return;
    cpu_append_identifier(text, cpu);
    boot_set_text(key, L"Identifier", text);
    text_append_ascii(text, cpu->vendor);
    boot_set_text(key, L"VendorIdentifier", text);
    if (cpu->name[0]) {
        text_append_ascii(text, cpu->name);
        boot_set_text(key, L"ProcessorNameString", text);
    }
    if (megahertz) boot_set_number(key, L"~MHz", megahertz);
    NtClose(key);
}

void boot_make_hardware_keys(const struct cpu_description *cpu, ULONG processors) {
    ULONG megahertz = cpu_megahertz(cpu->highest_leaf);
    NtClose(boot_create_key(NULL, L"\\Registry\\Machine\\Hardware", REG_OPTION_VOLATILE));
    NtClose(boot_create_key(NULL, L"\\Registry\\Machine\\Hardware\\Description", REG_OPTION_VOLATILE));
    HANDLE system = boot_create_key(NULL, L"\\Registry\\Machine\\Hardware\\Description\\System", REG_OPTION_VOLATILE);
    if (!system) return;
    boot_set_text(system, L"Identifier", L"AT compatible");
    HANDLE parent = boot_create_key(system, L"CentralProcessor", REG_OPTION_VOLATILE);
    if (parent) {
        if (processors > MAX_PROCESSORS_DESCRIBED) processors = MAX_PROCESSORS_DESCRIBED;
        for (ULONG i = 0; i < processors; i++) describe_processor(parent, i, cpu, megahertz);
        NtClose(parent);
    }
    NtClose(system);
}
