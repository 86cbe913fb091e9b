//! Registry keys and values, by native calls.
#include "boot.h"

HANDLE boot_create_key(HANDLE parent, const WCHAR *path, ULONG options) {
    HANDLE key = NULL;
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name = text_view(path);
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_OPENIF, parent, NULL);
    return NtCreateKey(&key, KEY_ALL_ACCESS, &attributes, 0, NULL, options, NULL) ? NULL : key;
}

void boot_set_text(HANDLE key, const WCHAR *name, const WCHAR *value) {
    UNICODE_STRING value_name = text_view(name);
    NtSetValueKey(key, &value_name, 0, REG_SZ, value, (ULONG)((text_length(value) + 1) * sizeof(WCHAR)));
}

void boot_set_number(HANDLE key, const WCHAR *name, ULONG value) {
    UNICODE_STRING value_name = text_view(name);
    NtSetValueKey(key, &value_name, 0, REG_DWORD, &value, sizeof value);
}
