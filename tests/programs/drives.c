//! drives.exe: tries to get at what lies outside C:. Prints one line for each attempt.
#include "text_output.h"

static void list_drives(void) {
    DWORD mask = GetLogicalDrives();
    say("drives:");
    for (int i = 0; i < 26; i++) {
        WCHAR root[] = {(WCHAR)(L'A' + i), L':', L'\\', 0};
        if (mask >> i & 1) say(" %c:%u", 'A' + i, GetDriveTypeW(root));
    }
    say("\n");
}

static void try_read(const WCHAR *path) {
    char data[48] = {0};
    DWORD size = 0;
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    say_wide("read ", path, ": ");
    if (file == INVALID_HANDLE_VALUE) {
        say("error %lu\n", GetLastError());
        return;
    }
    ReadFile(file, data, sizeof data - 1, &size, NULL);
    for (DWORD i = 0; i < size; i++)
        if (data[i] < 32) data[i] = '|';
    say("%lu bytes <%s>\n", size, data);
    CloseHandle(file);
}

// Opens for writing only: nothing is written, so that a broken fence does no harm to the machine that runs the test.
static void try_open_for_writing(const WCHAR *path, DWORD disposition) {
    HANDLE file = CreateFileW(path, GENERIC_WRITE, FILE_SHARE_READ, NULL, disposition, 0, NULL);
    say_wide("write ", path, ": ");
    if (file == INVALID_HANDLE_VALUE) {
        say("error %lu\n", GetLastError());
        return;
    }
    say("opened\n");
    CloseHandle(file);
}

static void try_list(const WCHAR *pattern) {
    WIN32_FIND_DATAW entry;
    HANDLE search = FindFirstFileW(pattern, &entry);
    say_wide("list ", pattern, ":");
    if (search == INVALID_HANDLE_VALUE) {
        say(" error %lu\n", GetLastError());
        return;
    }
    do say_wide(" ", entry.cFileName, "");
    while (FindNextFileW(search, &entry));
    say("\n");
    FindClose(search);
}

int main(void) {
    static const WCHAR *const readable[] = {
        L"Z:\\etc\\passwd", L"\\\\?\\unix\\etc\\passwd", L"\\\\.\\unix\\etc\\shadow", L"/etc/passwd",
        L"C:\\..\\..\\etc\\passwd", L"\\\\?\\unix\\proc\\1\\environ", L"\\\\?\\unix\\proc\\1\\root\\etc\\passwd",
        L"\\\\?\\unix\\proc\\self\\mountinfo", L"\\\\?\\unix\\proc\\kcore", L"\\\\?\\unix\\proc\\keys",
        L"\\\\?\\unix\\sys\\firmware\\acpi\\tables\\DSDT", L"\\\\?\\unix\\dev\\vda", L"\\\\?\\unix\\dev\\mem",
        L"\\\\?\\unix\\run\\casement\\docker.sock", L"\\\\?\\unix\\silo\\system.reg",
    };
    static const WCHAR *const writable[] = {
        L"\\\\?\\unix\\usr\\lib\\wine\\wine64", L"\\\\?\\unix\\etc\\passwd",
        L"\\\\?\\unix\\proc\\sys\\kernel\\core_pattern", L"\\\\?\\unix\\proc\\sysrq-trigger",
        L"\\\\?\\unix\\proc\\self\\oom_score_adj", L"\\\\?\\unix\\sys\\kernel\\uevent_helper",
    };
    static const WCHAR *const creatable[] = {
        L"\\\\?\\unix\\etc\\casement_probe", L"\\\\?\\unix\\silo\\dosdevices\\probe",
        L"\\\\?\\unix\\tmp\\casement_probe",
    };
    static const WCHAR *const lists[] = {
        L"Z:\\*", L"\\\\?\\unix\\*", L"\\\\?\\unix\\silo\\*", L"\\\\?\\unix\\silo\\dosdevices\\*", L"\\\\?\\unix\\dev\\*",
    };
    list_drives();
    for (size_t i = 0; i < sizeof readable / sizeof *readable; i++) try_read(readable[i]);
    for (size_t i = 0; i < sizeof writable / sizeof *writable; i++) try_open_for_writing(writable[i], OPEN_EXISTING);
    for (size_t i = 0; i < sizeof creatable / sizeof *creatable; i++) try_open_for_writing(creatable[i], CREATE_NEW);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) try_list(lists[i]);
    say("DefineDosDevice Q: %d\n", DefineDosDeviceW(DDD_RAW_TARGET_PATH, L"Q:", L"\\??\\unix"));
    try_list(L"Q:\\*");
    return 0;
}
