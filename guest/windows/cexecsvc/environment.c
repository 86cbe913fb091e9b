//! The environment block of a program in a Windows container.
#include "environment.h"

#include "../cpu/cpu.h"
#include "registry_environment.h"

enum { MAX_USER_UNITS = 256, PATH_UNITS = 320 };

void environment_set(WCHAR **environment, const WCHAR *name, const WCHAR *value) {
    UNICODE_STRING name_view = text_view(name), value_view = text_view(value);
    RtlSetEnvironmentVariable(environment, &name_view, &value_view);
}

BOOL environment_get(WCHAR *environment, const WCHAR *name, WCHAR *value, ULONG units) {
    UNICODE_STRING name_view = text_view(name);
    UNICODE_STRING room = {0, (USHORT)(units * sizeof(WCHAR) > 0xfffe ? 0xfffe : units * sizeof(WCHAR)), value};
    if (RtlQueryEnvironmentVariable_U(environment, &name_view, &room)) return FALSE;
    if (room.Length / sizeof(WCHAR) >= units) return FALSE;
    value[room.Length / sizeof(WCHAR)] = 0;
    return TRUE;
}

// What every program in a Windows Server container sees, wherever it comes from there.
static void set_fixed(WCHAR **environment) {
    static const WCHAR *const pairs[][2] = {
        {L"ALLUSERSPROFILE", L"C:\\ProgramData"},
        {L"CommonProgramFiles", L"C:\\Program Files\\Common Files"},
        {L"CommonProgramFiles(x86)", L"C:\\Program Files (x86)\\Common Files"},
        {L"CommonProgramW6432", L"C:\\Program Files\\Common Files"},
        {L"ComSpec", L"C:\\Windows\\system32\\cmd.exe"},
        {L"OS", L"Windows_NT"},
        {L"Path", L"C:\\Windows\\system32;C:\\Windows;C:\\Windows\\System32\\Wbem"},
        {L"PATHEXT", L".COM;.EXE;.BAT;.CMD;.VBS;.VBE;.JS;.JSE;.WSF;.WSH;.MSC"},
        {L"ProgramData", L"C:\\ProgramData"},
        {L"ProgramFiles", L"C:\\Program Files"},
        {L"ProgramFiles(x86)", L"C:\\Program Files (x86)"},
        {L"ProgramW6432", L"C:\\Program Files"},
        {L"PUBLIC", L"C:\\Users\\Public"},
        {L"SystemDrive", L"C:"},
        {L"SystemRoot", L"C:\\Windows"},
        {L"USERDOMAIN", L"User Manager"},
        {L"windir", L"C:\\Windows"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) environment_set(environment, pairs[i][0], pairs[i][1]);
}

static void set_below_profile(WCHAR **environment, const WCHAR *name, const WCHAR *profile, const WCHAR *rest) {
    WCHAR path[PATH_UNITS];
    text_append(text_append(path, profile), rest);
    environment_set(environment, name, path);
}

static void set_user(WCHAR **environment, const WCHAR *user) {
    WCHAR profile[PATH_UNITS];
    text_append(text_append(profile, L"C:\\Users\\"), user);
    environment_set(environment, L"USERNAME", user);
    environment_set(environment, L"USERPROFILE", profile);
    set_below_profile(environment, L"APPDATA", profile, L"\\AppData\\Roaming");
    set_below_profile(environment, L"LOCALAPPDATA", profile, L"\\AppData\\Local");
    set_below_profile(environment, L"TEMP", profile, L"\\AppData\\Local\\Temp");
    set_below_profile(environment, L"TMP", profile, L"\\AppData\\Local\\Temp");
}

static void set_machine(WCHAR **environment) {
    WCHAR text[CPU_IDENTIFIER_SIZE], *end;
    struct cpu_description cpu;
    SYSTEM_INFO system;
    GetSystemInfo(&system);
    cpu_identify(&cpu);
    text_append_number(text, system.dwNumberOfProcessors);
    environment_set(environment, L"NUMBER_OF_PROCESSORS", text);
    environment_set(environment, L"PROCESSOR_ARCHITECTURE", L"AMD64");
    end = cpu_append_identifier(text, &cpu);
    text_append_ascii(text_append(end, L", "), cpu.vendor);
    environment_set(environment, L"PROCESSOR_IDENTIFIER", text);
    text_append_number(text, cpu.family);
    environment_set(environment, L"PROCESSOR_LEVEL", text);
    text_append_hex4(text, cpu.model << 8 | cpu.stepping);
    environment_set(environment, L"PROCESSOR_REVISION", text);
}

// Applies NAME=value lines; a name may begin with '=' (the current directory of a drive), a line without one is dropped.
static void apply_lines(WCHAR **environment, const WCHAR *lines) {
    while (*lines) {
        size_t length = text_length(lines), equals = 1;
        while (equals < length && lines[equals] != L'=') equals++;
        if (equals < length && equals < 0x7fff) {
            UNICODE_STRING name = {(USHORT)(equals * sizeof(WCHAR)), (USHORT)(equals * sizeof(WCHAR)), (WCHAR *)lines};
            UNICODE_STRING value = text_view(lines + equals + 1);
            RtlSetEnvironmentVariable(environment, &name, &value);
        }
        lines += length + 1;
    }
}

WCHAR *environment_build(const WCHAR *user, const WCHAR *overrides) {
    WCHAR *environment;
    if (text_length(user) >= MAX_USER_UNITS) return NULL;
    if (RtlCreateEnvironment(FALSE, &environment)) return NULL;
    set_fixed(&environment);
    registry_environment_apply(&environment);
    set_machine(&environment);
    set_user(&environment, user);
    registry_environment_apply_computer_name(&environment);
    apply_lines(&environment, overrides);
    return environment;
}
