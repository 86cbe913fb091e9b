//! The variables that the registry adds to every environment.
#include "registry_environment.h"

#include "environment.h"

enum {
    VALUE_BYTES = 64 << 10,  // larger values cannot be variables: a UNICODE_STRING does not hold them
    MAX_VALUES = 4096,
    MAX_TEXT_UNITS = 32767,
};

static HANDLE open_key(HANDLE parent, const WCHAR *path) {
    HANDLE key;
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name = text_view(path);
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, parent, NULL);
    return NtOpenKey(&key, KEY_READ, &attributes) ? NULL : key;
}

// The text of a value, without the terminators that it may or may not have. FALSE when it is no text.
static BOOL value_text(struct key_value_full *value, ULONG size, UNICODE_STRING *text) {
    if (value->type != REG_SZ && value->type != REG_EXPAND_SZ) return FALSE;
    if (value->data_offset > size || value->data_length > size - value->data_offset) return FALSE;
    text->Buffer = (WCHAR *)((char *)value + value->data_offset);
    ULONG units = value->data_length / sizeof(WCHAR);
    while (units && !text->Buffer[units - 1]) units--;
    if (units > MAX_TEXT_UNITS) return FALSE;
    text->Length = text->MaximumLength = (USHORT)(units * sizeof(WCHAR));
    return TRUE;
}

static BOOL is_path(const UNICODE_STRING *name) {
    static const WCHAR path[] = L"PATH";
    if (name->Length != sizeof path - sizeof *path) return FALSE;
    for (int i = 0; i < 4; i++)
        if ((name->Buffer[i] & ~0x20) != path[i]) return FALSE;
    return TRUE;
}

// Puts `text` behind the value the variable has, with a semicolon between. `room` holds MAX_TEXT_UNITS + 1 units.
static void append_to_value(WCHAR *environment, UNICODE_STRING *name, UNICODE_STRING *text, WCHAR *room) {
    UNICODE_STRING old = {0, 0xfffe, room};
    if (RtlQueryEnvironmentVariable_U(environment, name, &old) || !old.Length) return;
    size_t units = old.Length / sizeof(WCHAR), more = text->Length / sizeof(WCHAR);
    if (units + 1 + more > MAX_TEXT_UNITS) return;
    room[units++] = L';';
    memcpy(room + units, text->Buffer, text->Length);
    text->Buffer = room;
    text->Length = text->MaximumLength = (USHORT)((units + more) * sizeof(WCHAR));
}

static void apply_value(WCHAR **environment, struct key_value_full *value, ULONG size, BOOL is_user, WCHAR *expanded,
                        WCHAR *joined) {
    UNICODE_STRING text, name = {(USHORT)value->name_length, (USHORT)value->name_length, value->name};
    if (!value->name_length || value->name_length > MAX_PATH * sizeof(WCHAR) || !value_text(value, size, &text)) return;
    if (value->type == REG_EXPAND_SZ) {
        ULONG needed;
        UNICODE_STRING result = {0, 0xfffe, expanded};
        if (!RtlExpandEnvironmentStrings_U(*environment, &text, &result, &needed)) text = result;
    }
    if (is_user && is_path(&name)) append_to_value(*environment, &name, &text, joined);
    RtlSetEnvironmentVariable(environment, &name, &text);
}

static void apply_key(WCHAR **environment, HANDLE key, BOOL is_user) {
    char *memory = HeapAlloc(GetProcessHeap(), 0, VALUE_BYTES + 2 * (MAX_TEXT_UNITS + 1) * sizeof(WCHAR));
    if (!memory) return;
    struct key_value_full *value = (struct key_value_full *)memory;
    WCHAR *expanded = (WCHAR *)(memory + VALUE_BYTES), *joined = expanded + MAX_TEXT_UNITS + 1;
    for (ULONG index = 0; index < MAX_VALUES; index++) {
        ULONG size = 0;
        NTSTATUS status = NtEnumerateValueKey(key, index, KEY_VALUE_FULL_INFORMATION_CLASS, value, VALUE_BYTES, &size);
        if (!status) apply_value(environment, value, size, is_user, expanded, joined);
        else if ((ULONG)status != 0x80000005 /* STATUS_BUFFER_OVERFLOW: too large to be a variable */) break;
    }
    HeapFree(GetProcessHeap(), 0, memory);
}

void registry_environment_apply(WCHAR **environment) {
    HANDLE user, key;
    key = open_key(NULL, L"\\Registry\\Machine\\System\\CurrentControlSet\\Control\\Session Manager\\Environment");
    if (key) {
        apply_key(environment, key, FALSE);
        NtClose(key);
    }
    if (RtlOpenCurrentUser(KEY_READ, &user)) return;
    key = open_key(user, L"Environment");
    if (key) {
        apply_key(environment, key, TRUE);
        NtClose(key);
    }
    NtClose(user);
}

void registry_environment_apply_computer_name(WCHAR **environment) {
    WCHAR name[MAX_COMPUTERNAME_LENGTH + 1];
    DWORD units = MAX_COMPUTERNAME_LENGTH + 1;
    if (GetComputerNameW(name, &units)) environment_set(environment, L"COMPUTERNAME", name);
}
