//! The steps of wineboot: what NT set-up must set before the first program of a silo runs.
#ifndef CASEMENT_WINEBOOT_H
#define CASEMENT_WINEBOOT_H

#include "../cpu/cpu.h"
#include "../nt/text.h"

// Fills KUSER_SHARED_DATA, the page every program reads at 0x7ffe0000.
void boot_fill_shared_data(const struct cpu_description *cpu, ULONG processors);

// Makes the volatile HKLM\HARDWARE\DESCRIPTION keys.
void boot_make_hardware_keys(const struct cpu_description *cpu, ULONG processors);

// Gives the silo the computer name that its UTS namespace has.
void boot_set_computer_name(void);

// Makes \??\C: so that C: is listed among the drives although no mount manager runs.
void boot_name_system_drive(void);

// Creates or opens a key; volatile ones are not saved. Returns NULL on failure.
HANDLE boot_create_key(HANDLE parent, const WCHAR *path, ULONG options);

void boot_set_text(HANDLE key, const WCHAR *name, const WCHAR *value);
void boot_set_number(HANDLE key, const WCHAR *name, ULONG value);

#endif
