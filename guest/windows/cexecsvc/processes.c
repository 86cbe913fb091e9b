//! The processes of the silo by NtQuerySystemInformation. Times are in units of 100 ns, memory in bytes.
#include "processes.h"

#include "protocol.h"

enum {
    FIRST_BYTES = 64 << 10,
    MAX_LIST_BYTES = 4 << 20,
    MAX_NAME_BYTES = 512,
};

static const NTSTATUS too_small = (NTSTATUS)0xC0000004;

// SYSTEM_PROCESS_INFORMATION on 64-bit Windows, as far as it is needed.
struct process_information {
    ULONG next_offset;
    ULONG threads;
    LARGE_INTEGER private_working_set;
    UCHAR unused[16];
    LARGE_INTEGER created;
    LARGE_INTEGER user;
    LARGE_INTEGER kernel;
    UNICODE_STRING name;
    LONG priority;
    HANDLE id;
    HANDLE parent;
    ULONG handles;
    ULONG session;
    ULONG_PTR key;
    SIZE_T peak_virtual;
    SIZE_T virtual_size;
    ULONG page_faults;
    SIZE_T peak_working_set;
    SIZE_T working_set;
    SIZE_T quota[4];
    SIZE_T page_file;
};

_Static_assert(__builtin_offsetof(struct process_information, id) == 80, "as on 64-bit Windows");
_Static_assert(__builtin_offsetof(struct process_information, working_set) == 144, "as on 64-bit Windows");
_Static_assert(__builtin_offsetof(struct process_information, page_file) == 184, "as on 64-bit Windows");

// One process in the message; its name, `name_bytes` of UTF-16, follows.
struct record {
    ULONG id;
    ULONG name_bytes;
    ULONGLONG created;
    ULONGLONG user;
    ULONGLONG kernel;
    ULONGLONG committed;
    ULONGLONG working_set;
};

// Asks Wine with more and more room. NULL when it does not tell.
static UCHAR *query(void) {
    for (ULONG room = FIRST_BYTES; room <= MAX_LIST_BYTES; room *= 2) {
        UCHAR *list = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, room);
        if (!list) return NULL;
        NTSTATUS status = NtQuerySystemInformation(SystemProcessInformation, list, room, NULL);
        if (!status) return list;
        HeapFree(GetProcessHeap(), 0, list);
        if (status != too_small) return NULL;
    }
    return NULL;
}

static ULONG name_bytes(const struct process_information *process) {
    ULONG length = process->name.Buffer ? process->name.Length : 0;
    return length < MAX_NAME_BYTES ? length : MAX_NAME_BYTES;
}

static const struct process_information *next(const struct process_information *process) {
    return process->next_offset ? (const void *)((const UCHAR *)process + process->next_offset) : NULL;
}

void processes_report(void) {
    UCHAR *list = query();
    const struct process_information *first = (const void *)list;
    ULONG size = 0;
    for (const struct process_information *process = first; process; process = next(process))
        size += (ULONG)sizeof(struct record) + name_bytes(process);
    UCHAR *payload = HeapAlloc(GetProcessHeap(), 0, size + 1), *end = payload;
    if (!payload) first = NULL, size = 0;
    for (const struct process_information *process = first; process; process = next(process)) {
        struct record record = {
            .id = (ULONG)(ULONG_PTR)process->id,
            .name_bytes = name_bytes(process),
            .created = (ULONGLONG)process->created.QuadPart,
            .user = (ULONGLONG)process->user.QuadPart,
            .kernel = (ULONGLONG)process->kernel.QuadPart,
            .committed = process->page_file,
            .working_set = process->working_set,
        };
        memcpy(end, &record, sizeof record);
        if (record.name_bytes) memcpy(end + sizeof record, process->name.Buffer, record.name_bytes);
        end += sizeof record + record.name_bytes;
    }
    protocol_send_processes(payload, size);
    HeapFree(GetProcessHeap(), 0, payload);
    HeapFree(GetProcessHeap(), 0, list);
}
