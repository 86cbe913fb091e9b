//! The standard pipes and their pumps: one thread each, blocking on both sides.
#include "pipes.h"

#include "../nt/linux_calls.h"

enum {
    PIPE_BYTES = 64 << 10,
    PUMP_BYTES = PIPE_BYTES,  // more is never there at once, and Wine touches every page of a buffer that it is to fill
    OWN_DESCRIPTORS = 64,  // where the descriptors 0 to 2 are moved to, above those that Wine has opened
    DRAIN_POLL_MILLISECONDS = 10,
    STREAMS = 3,
};

struct stream {
    int descriptor;
    HANDLE pipe;   // CExecSvc's end
    HANDLE pump;   // the thread
    unsigned char *buffer;
    volatile LONG64 taken;  // bytes read from the program
    volatile LONG64 given;  // bytes written to the descriptor
};

static struct stream streams[STREAMS];
static enum input_mode input_mode;

// Closing a stream on one side must be seen on the other while the program still runs.
static void close_stream(struct stream *stream) {
    NtClose(stream->pipe);
    linux_close(stream->descriptor);
}

// The length of what is to be written in one go from `bytes`.
static DWORD portion(const unsigned char *bytes, DWORD length) {
    if (input_mode == INPUT_AS_IT_COMES) return length;
    DWORD line = 0;
    while (line < length && bytes[line++] != '\n') {}
    return line;
}

static DWORD WINAPI pump_input(void *argument) {
    struct stream *stream = argument;
    unsigned char *buffer = stream->buffer;
    linux_release_stack();
    for (;;) {
        long long got = linux_read(stream->descriptor, buffer, PUMP_BYTES);
        if (got <= 0) break;
        DWORD put, done = 0;
        while (done < (DWORD)got) {
            if (!WriteFile(stream->pipe, buffer + done, portion(buffer + done, (DWORD)got - done), &put, NULL)) break;
            done += put;
            // Returns when the program has read it all.
            if (input_mode == INPUT_BY_LINES) FlushFileBuffers(stream->pipe);
        }
        if (done < (DWORD)got) break;
    }
    close_stream(stream);
    return 0;
}

static DWORD WINAPI pump_output(void *argument) {
    struct stream *stream = argument;
    unsigned char *buffer = stream->buffer;
    linux_release_stack();
    DWORD got;
    while (ReadFile(stream->pipe, buffer, PUMP_BYTES, &got, NULL)) {
        stream->taken += got;
        if (linux_write_all(stream->descriptor, buffer, got)) break;
        stream->given += got;
    }
    stream->given = stream->taken;
    close_stream(stream);
    return 0;
}

ULONG pipes_create(STARTUPINFOW *startup, const int *stdio) {
    static const DWORD standard[STREAMS] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    SECURITY_ATTRIBUTES inheritable = {sizeof inheritable, NULL, TRUE};
    HANDLE theirs[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        streams[i].buffer = VirtualAlloc(NULL, PUMP_BYTES, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        if (!streams[i].buffer) return ERROR_NOT_ENOUGH_MEMORY;
        streams[i].descriptor = stdio ? stdio[i] : linux_duplicate_above(i, OWN_DESCRIPTORS);
        linux_replace_by_null(i);
        // Wine's own handle keeps the Linux object open in its server, and the reader would never see the end.
        HANDLE own = GetStdHandle(standard[i]);
        if (own) NtClose(own);
        SetStdHandle(standard[i], NULL);
        BOOL made = i == 0 ? CreatePipe(&theirs[i], &streams[i].pipe, &inheritable, PIPE_BYTES)
                           : CreatePipe(&streams[i].pipe, &theirs[i], &inheritable, PIPE_BYTES);
        if (!made || !SetHandleInformation(streams[i].pipe, HANDLE_FLAG_INHERIT, 0)) return GetLastError();
    }
    startup->dwFlags |= STARTF_USESTDHANDLES;
    startup->hStdInput = theirs[0];
    startup->hStdOutput = theirs[1];
    startup->hStdError = theirs[2];
    return 0;
}

void pipes_start(STARTUPINFOW *startup, enum input_mode mode) {
    input_mode = mode;
    NtClose(startup->hStdInput);
    NtClose(startup->hStdOutput);
    NtClose(startup->hStdError);
    for (int i = 0; i < STREAMS; i++)
        streams[i].pump = CreateThread(NULL, 0, i ? pump_output : pump_input, &streams[i], 0, NULL);
}

// Waits for what the pipe holds at this moment; a process that goes on writing is not waited for.
static void drain_stream(struct stream *stream) {
    DWORD waiting = 0;
    if (WaitForSingleObject(stream->pump, 0) != WAIT_TIMEOUT) return;
    PeekNamedPipe(stream->pipe, NULL, 0, NULL, &waiting, NULL);
    LONG64 enough = stream->taken + waiting;
    while (stream->given < enough)
        if (WaitForSingleObject(stream->pump, DRAIN_POLL_MILLISECONDS) != WAIT_TIMEOUT) return;
}

void pipes_drain(void) {
    HANDLE pumps[] = {streams[1].pump, streams[2].pump};
    if (WaitForMultipleObjects(2, pumps, TRUE, PIPES_GRACE_MILLISECONDS) != WAIT_TIMEOUT) return;
    drain_stream(&streams[1]);
    drain_stream(&streams[2]);
}
