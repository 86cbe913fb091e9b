//! The control protocol. Every length is checked against what was really received.
#include "protocol.h"

#include "../nt/linux_calls.h"

enum {
    MAX_START_BYTES = 4 << 20,  // a command line has at most 64 KB; an environment may be large
    MAX_COMMAND_LINE_UNITS = 32766,
    HEADER_BYTES = 8,
};

struct cursor {
    const UCHAR *next;
    ULONG left;
};

static BOOL read_exactly(void *buffer, ULONG size) {
    char *next = buffer;
    while (size) {
        long long got = linux_read(CONTROL_DESCRIPTOR, next, size);
        if (got <= 0) return FALSE;
        next += got;
        size -= (ULONG)got;
    }
    return TRUE;
}

static BOOL take_number(struct cursor *cursor, ULONG *value) {
    if (cursor->left < sizeof *value) return FALSE;
    memcpy(value, cursor->next, sizeof *value);
    cursor->next += sizeof *value;
    cursor->left -= sizeof *value;
    return TRUE;
}

// Takes a counted string and gives it two terminators, so that it can also be an environment block.
static WCHAR *take_text(struct cursor *cursor, ULONG *units) {
    ULONG bytes;
    if (!take_number(cursor, &bytes) || bytes > cursor->left || bytes % sizeof(WCHAR)) return NULL;
    WCHAR *text = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, (SIZE_T)bytes + 2 * sizeof(WCHAR));
    if (!text) return NULL;
    memcpy(text, cursor->next, bytes);
    cursor->next += bytes;
    cursor->left -= bytes;
    *units = bytes / sizeof(WCHAR);
    return text;
}

// A text that is passed on as a terminated string cannot hold a terminator itself.
static WCHAR *take_line(struct cursor *cursor) {
    ULONG units;
    WCHAR *text = take_text(cursor, &units);
    return text && units <= MAX_COMMAND_LINE_UNITS && text_length(text) == units ? text : NULL;
}

BOOL protocol_read_start(struct start_request *request) {
    ULONG header[2], units;
    int received = linux_receive_descriptors(CONTROL_DESCRIPTOR, header, sizeof header, request->stdio,
                                             STDIO_DESCRIPTORS);
    if (received < 0) return FALSE;
    request->has_stdio = received == STDIO_DESCRIPTORS;
    if (header[0] != MESSAGE_START || header[1] > MAX_START_BYTES) return FALSE;
    UCHAR *payload = HeapAlloc(GetProcessHeap(), 0, header[1] + 1);
    if (!payload || !read_exactly(payload, header[1])) return FALSE;
    struct cursor cursor = {payload, header[1]};
    BOOL good = take_number(&cursor, &request->flags) && (request->application = take_line(&cursor)) &&
                (request->command_line = take_line(&cursor)) && (request->working_directory = take_line(&cursor)) &&
                (request->user = take_line(&cursor)) && (request->environment = take_text(&cursor, &units)) &&
                !cursor.left && !(request->has_stdio && request->flags & START_CONSOLE);
    HeapFree(GetProcessHeap(), 0, payload);
    return good;
}

BOOL protocol_read_control(struct control_message *message) {
    ULONG words[3];
    if (!read_exactly(words, HEADER_BYTES)) return FALSE;
    if (words[0] < MESSAGE_CONSOLE_EVENT || words[0] > MESSAGE_LIST_PROCESSES) return FALSE;
    if (words[1] != sizeof words[2] || !read_exactly(&words[2], sizeof words[2])) return FALSE;
    message->type = words[0];
    message->value = words[2];
    return TRUE;
}

static void send_message(enum message_type type, const void *payload, ULONG size) {
    ULONG words[4] = {type, size};
    memcpy(&words[2], payload, size);
    linux_write_all(CONTROL_DESCRIPTOR, words, HEADER_BYTES + size);
}

void protocol_send_started(ULONG process_id) {
    send_message(MESSAGE_STARTED, &process_id, sizeof process_id);
}

void protocol_send_exited(ULONG exit_code) {
    send_message(MESSAGE_EXITED, &exit_code, sizeof exit_code);
}

void protocol_send_processes(const void *records, ULONG size) {
    ULONG header[2] = {MESSAGE_PROCESSES, size};
    UCHAR *message = HeapAlloc(GetProcessHeap(), 0, HEADER_BYTES + (SIZE_T)size);
    if (!message) return;
    memcpy(message, header, HEADER_BYTES);
    if (size) memcpy(message + HEADER_BYTES, records, size);
    // In one piece, as the end of the program may be told by another thread meanwhile.
    linux_write_all(CONTROL_DESCRIPTOR, message, HEADER_BYTES + (SIZE_T)size);
    HeapFree(GetProcessHeap(), 0, message);
}

void protocol_fail(ULONG win32_error, enum failed_stage stage) {
    ULONG payload[2] = {win32_error, stage};
    send_message(MESSAGE_FAILED, payload, sizeof payload);
    NtTerminateProcess(CURRENT_PROCESS, (NTSTATUS)win32_error);
    __builtin_unreachable();
}
