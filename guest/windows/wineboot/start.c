//! wineboot.exe: what Wine's loader runs, and waits for, before the first program of a silo.
//! It sets what NT set-up must set and starts no service, no desktop and no updater; ntdll only, no C run-time library.
#include "boot.h"

enum { PEB_NUMBER_OF_PROCESSORS = 0xb8 };  // PEB.NumberOfProcessors on x86-64

// The loader waits for this event; a permanent one tells every later process that the silo is booted.
static HANDLE create_boot_event(void) {
    HANDLE event = NULL;
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name = text_view(L"\\KernelObjects\\__wineboot_event");
    InitializeObjectAttributes(&attributes, &name, OBJ_OPENIF, NULL, NULL);
    NtCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, NOTIFICATION_EVENT_TYPE, FALSE);
    return event;
}

void NTAPI start(const char *peb) {
    ULONG processors = *(const ULONG *)(peb + PEB_NUMBER_OF_PROCESSORS);
    HANDLE event = create_boot_event();
    struct cpu_description cpu;
    cpu_describe(&cpu);
    boot_fill_shared_data(&cpu, processors);
    boot_make_hardware_keys(&cpu, processors);
    boot_set_computer_name();
    boot_name_system_drive();
    if (event) {
        NtMakePermanentObject(event);
        NtSetEvent(event, NULL);
    }
    NtTerminateProcess(CURRENT_PROCESS, 0);
}
