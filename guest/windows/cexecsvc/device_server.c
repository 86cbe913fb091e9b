//! The requests of Wine's server by which a process serves a device.
#include "device_server.h"

// Numbers of the requests in the server protocol of Wine 10.0.
enum {
    REQUEST_CREATE_DEVICE_MANAGER = 247,
    REQUEST_CREATE_DEVICE = 248,
    REQUEST_NEXT_DEVICE_REQUEST = 250,
};

// What a program can ask of a device. Opening and closing need no answer but success.
enum {
    CALL_CREATE = 1,
    CALL_CLOSE = 2,
    CALL_CONTROL = 6,
    CALL_FREE = 8,
    CALL_CANCEL = 9,
};

enum {
    FIXED_BYTES = 64,  // of every request and every reply
    MAX_DATA = 5,
    BUFFER_BYTES = 4096,
    REQUESTS_BETWEEN_STOPS = 64,
};

struct header {
    int number;
    ULONG data_size;
    ULONG reply_room;
};

struct reply_header {
    ULONG status;
    ULONG data_size;
};

struct server_request {
    union {
        UCHAR fixed[FIXED_BYTES];
        struct header header;
        struct reply_header reply;
        struct {
            struct header header;
            ULONG access;
            ULONG attributes;
        } create_manager;
        struct {
            struct reply_header header;
            ULONG handle;
        } manager;
        struct {
            struct header header;
            ULONG directory;
            ULONGLONG tag;
            ULONG manager;
        } create_device;
        struct {
            struct header header;
            ULONG manager;
            ULONG answered;
            ULONG status;
            ULONGLONG tag;
            int pending;
            ULONG final_status;
            ULONG result;
        } next;
        struct {
            struct reply_header header;
            ULONG type;
            ULONG code;  // of a control request
            ULONG room;  // likewise
            UCHAR others[20];
            ULONG handle;
            ULONG thread;
            ULONGLONG thread_tag;
            ULONG input_size;
        } call;
    };
    ULONG data_count;
    void *reply_data;
    struct {
        const void *bytes;
        ULONG size;
    } data[MAX_DATA];
};

_Static_assert(__builtin_offsetof(struct server_request, next.result) == 40, "as in Wine's server protocol");
_Static_assert(__builtin_offsetof(struct server_request, call.handle) == 40, "as in Wine's server protocol");
_Static_assert(__builtin_offsetof(struct server_request, call.input_size) == 56, "as in Wine's server protocol");
_Static_assert(__builtin_offsetof(struct server_request, data_count) == FIXED_BYTES, "as in Wine's server protocol");

typedef unsigned(__cdecl *server_call)(void *);

// The answer to the last request, told to the server when the next one is asked for.
struct answer {
    ULONG handle;
    NTSTATUS status;
    ULONG written;
};

static server_call call_server;
static HANDLE manager;
static device_control answer_control;

static ULONG number_of(HANDLE handle) {
    return (ULONG)(ULONG_PTR)handle;
}

HANDLE device_server_open(const WCHAR *name, device_control control) {
    struct server_request request = {.create_manager = {{.number = REQUEST_CREATE_DEVICE_MANAGER}, SYNCHRONIZE, 0}};
    call_server = (server_call)(void *)GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_server_call");
    if (!call_server || call_server(&request)) return NULL;
    manager = (HANDLE)(ULONG_PTR)request.manager.handle;
    answer_control = control;

    ULONG size = (ULONG)(text_length(name) * sizeof(WCHAR));
    request = (struct server_request){
        .create_device = {{REQUEST_CREATE_DEVICE, size, 0}, 0, (ULONG_PTR)&manager, number_of(manager)}};
    request.data_count = 1;
    request.data[0].bytes = name;
    request.data[0].size = size;
    if (!call_server(&request)) return manager;
    NtClose(manager);
    return NULL;
}

// Tells the server the last answer and asks for the next request, whose input goes to `input`.
static NTSTATUS next_request(struct server_request *request, const struct answer *last, const void *output, void *input,
                             ULONG room) {
    *request = (struct server_request){
        .next = {.header = {REQUEST_NEXT_DEVICE_REQUEST, last->written, room},
                 .manager = number_of(manager),
                 .answered = last->handle,
                 .status = (ULONG)last->status,
                 .final_status = (ULONG)last->status,
                 .result = last->written}};
    if (last->written) {
        request->data_count = 1;
        request->data[0].bytes = output;
        request->data[0].size = last->written;
    }
    request->reply_data = input;
    return (NTSTATUS)call_server(request);
}

static void answer_request(const struct server_request *request, const void *input, void *output,
                           struct answer *answer) {
    ULONG room = request->call.room < BUFFER_BYTES ? request->call.room : BUFFER_BYTES;
    *answer = (struct answer){.handle = request->call.handle};
    if (request->call.type == CALL_CONTROL)
        answer->status =
            answer_control(request->call.code, input, request->reply.data_size, output, room, &answer->written);
    else if (request->call.type != CALL_CREATE && request->call.type != CALL_CLOSE && request->call.type != CALL_FREE &&
             request->call.type != CALL_CANCEL)
        answer->status = STATUS_INVALID_DEVICE_REQUEST;
}

BOOL device_server_answer(HANDLE stop) {
    static _Alignas(8) UCHAR fixed_input[BUFFER_BYTES], output[BUFFER_BYTES];
    struct server_request request;
    struct answer answer = {0};
    UCHAR *input = fixed_input;
    ULONG room = BUFFER_BYTES, turn = 0;
    NTSTATUS status;
    do {
        status = next_request(&request, &answer, output, input, room);
        answer = (struct answer){0};
        if (status == STATUS_SUCCESS) {
            answer_request(&request, input, output, &answer);
            continue;
        }
        if (status != STATUS_BUFFER_OVERFLOW) break;
        // The request stays in front until there is room for its input.
        room = request.call.input_size;
        if (input != fixed_input) HeapFree(GetProcessHeap(), 0, input);
        input = HeapAlloc(GetProcessHeap(), 0, room);
        if (!input) break;
    } while (++turn % REQUESTS_BETWEEN_STOPS || WaitForSingleObject(stop, 0) == WAIT_TIMEOUT);
    if (input && input != fixed_input) HeapFree(GetProcessHeap(), 0, input);
    if (status == STATUS_PENDING || status == STATUS_SUCCESS) return TRUE;
    NtClose(manager);
    return FALSE;
}
