//! The DOS name of the system drive.
#include "boot.h"

void boot_name_system_drive(void) {
    HANDLE link;
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name = text_view(L"\\??\\C:"), target = text_view(L"\\Device\\HarddiskVolume1");
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_PERMANENT, NULL, NULL);
    if (!NtCreateSymbolicLinkObject(&link, SYMBOLIC_LINK_ALL_ACCESS, &attributes, &target)) NtClose(link);
}
