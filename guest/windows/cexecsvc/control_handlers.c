//! Whether a process has set a console control handler of its own.
//! Windows ends a program without handlers with 0xC000013A, which is the exit code users know from `docker stop`. Wine's
//! default handler ends it with 0 after close, logoff and shutdown, so such programs are told apart here: kernelbase's
//! list of handlers is found once in CExecSvc, by what changes when a handler is set, and read in the other process.
#include "control_handlers.h"

enum { MAX_HANDLERS = 64 };

struct handler {
    PHANDLER_ROUTINE function;
    struct handler *next;
};

static struct handler **list_head;      // in kernelbase's data, at the same address in every process
static struct handler *default_handler; // the last of the list, in kernelbase's data too

static BOOL WINAPI probe_handler(DWORD event) {
    (void)event;
    return FALSE;
}

static BOOL read_handler(HANDLE process, const struct handler *from, struct handler *handler) {
    SIZE_T size;
    return ReadProcessMemory(process, from, handler, sizeof *handler, &size) && size == sizeof *handler;
}

// Finds the word of the section that came to point to the probe's entry. `before` is the section as it was.
static void find_in_section(struct handler **section, struct handler *const *before, SIZE_T words) {
    struct handler entry;
    for (SIZE_T i = 0; i < words && !list_head; i++) {
        struct handler *last = before[i];
        if (section[i] == last || !read_handler(CURRENT_PROCESS, section[i], &entry)) continue;
        if (entry.function != probe_handler || entry.next != last) continue;
        for (int depth = 0; depth < MAX_HANDLERS && read_handler(CURRENT_PROCESS, last, &entry); depth++) {
            if (!entry.next) {
                default_handler = last;
                list_head = &section[i];
                break;
            }
            last = entry.next;
        }
    }
}

static void find_list(void) {
    char *image = (char *)GetModuleHandleW(L"kernelbase.dll");
    IMAGE_NT_HEADERS *headers = (IMAGE_NT_HEADERS *)(image + ((IMAGE_DOS_HEADER *)image)->e_lfanew);
    IMAGE_SECTION_HEADER *section = IMAGE_FIRST_SECTION(headers);
    for (int i = 0; i < headers->FileHeader.NumberOfSections && !list_head; i++, section++) {
        SIZE_T size = section->Misc.VirtualSize;
        void *words = image + section->VirtualAddress;
        if (!(section->Characteristics & IMAGE_SCN_MEM_WRITE) || !size) continue;
        void *before = HeapAlloc(GetProcessHeap(), 0, size);
        if (!before) return;
        memcpy(before, words, size);
        SetConsoleCtrlHandler(probe_handler, TRUE);
        find_in_section(words, before, size / sizeof(struct handler *));
        SetConsoleCtrlHandler(probe_handler, FALSE);
        HeapFree(GetProcessHeap(), 0, before);
    }
}

static BOOL ends_with(const UNICODE_STRING *text, const WCHAR *lower_case_end) {
    size_t units = text->Length / sizeof(WCHAR), length = text_length(lower_case_end);
    if (units < length) return FALSE;
    for (size_t i = 0; i < length; i++) {
        WCHAR unit = text->Buffer[units - length + i];
        if (unit >= L'A' && unit <= L'Z') unit += 32;
        if (unit != lower_case_end[i]) return FALSE;
    }
    return TRUE;
}

// The C run-time libraries set a handler in every program, which acts on Ctrl-C alone.
static BOOL belongs_to_c_library(HANDLE process, PHANDLER_ROUTINE function) {
    union {
        UNICODE_STRING text;
        char room[1024];
    } name;
    SIZE_T size;
    return !NtQueryVirtualMemory(process, (const void *)function, MEMORY_MAPPED_FILE_NAME_CLASS, &name, sizeof name,
                                 &size) &&
           (ends_with(&name.text, L"\\msvcrt.dll") || ends_with(&name.text, L"\\ucrtbase.dll"));
}

BOOL control_handlers_are_default(HANDLE process) {
    static BOOL searched;
    struct handler *at, entry;
    SIZE_T size;
    if (!searched) find_list();
    searched = TRUE;
    if (!list_head || !ReadProcessMemory(process, (const void *)list_head, &at, sizeof at, &size)) return FALSE;
    for (int depth = 0; depth < MAX_HANDLERS && at != default_handler; depth++) {
        if (!read_handler(process, at, &entry) || !belongs_to_c_library(process, entry.function)) return FALSE;
        at = entry.next;
    }
    return at == default_handler;
}
