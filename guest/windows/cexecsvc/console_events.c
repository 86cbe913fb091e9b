//! Console control events for every process of a job.
//! On Windows the console host starts a thread at kernelbase!CtrlRoutine in each process; Wine has the same routine but
//! calls it only for Ctrl-C and Ctrl-Break on a console, so the thread is started from here.
#include "console_events.h"

#include "control_handlers.h"
#include "job.h"

enum {
    PROCESS_ACCESS = PROCESS_CREATE_THREAD | PROCESS_QUERY_INFORMATION | PROCESS_VM_OPERATION | PROCESS_VM_READ |
                     PROCESS_VM_WRITE | PROCESS_TERMINATE | SYNCHRONIZE,
};

enum {
    ROUTINE_RETURNED = 1,  // what CtrlRoutine returns; a thread killed by its process's exit has the exit code instead
    RETURN_OR_EXIT_MILLISECONDS = 20,
    EXIT_MILLISECONDS = 5000,
    PROGRAM_FIRST_MILLISECONDS = 2000,
};

static const NTSTATUS control_c_exit = (NTSTATUS)0xC000013A;  // what Windows gives processes that such an event ends

// An event on its way to a job.
struct console_event {
    HANDLE job;
    ULONG program_id;
    ULONG type;
    LPTHREAD_START_ROUTINE routine;
};

struct delivery {
    HANDLE process;
    HANDLE handlers;  // the thread that runs them
    ULONG event;
};

static BOOL ends_processes(ULONG event) {
    return event == CTRL_CLOSE_EVENT || event == CTRL_LOGOFF_EVENT || event == CTRL_SHUTDOWN_EVENT;
}

// Windows ends every process at a shutdown, as soon as its handlers return. Here the end of the program is left to the
// program if it has handlers: servers such as PostgreSQL only note the request in theirs, and need their children alive
// for an orderly end. Whoever asked ends the job after a time.
static BOOL may_end_by_itself(ULONG event) {
    return event == CTRL_SHUTDOWN_EVENT;
}

// A process that is still loading has no kernelbase yet: a thread there would run into nothing.
static BOOL routine_is_mapped(HANDLE process, const void *routine) {
    MEMORY_BASIC_INFORMATION memory;
    SIZE_T size;
    return !NtQueryVirtualMemory(process, routine, MEMORY_BASIC_INFORMATION_CLASS, &memory, sizeof memory, &size) &&
           memory.State == MEM_COMMIT && memory.Type == MEM_IMAGE;
}

static DWORD WINAPI end_when_handled(void *argument) {
    struct delivery *delivery = argument;
    DWORD result = ROUTINE_RETURNED;
    WaitForSingleObject(delivery->handlers, INFINITE);
    // A program that leaves by itself, as most handlers make it do, keeps its own exit code.
    GetExitCodeThread(delivery->handlers, &result);
    if (result != ROUTINE_RETURNED || !may_end_by_itself(delivery->event)) {
        WaitForSingleObject(delivery->process,
                            result == ROUTINE_RETURNED ? RETURN_OR_EXIT_MILLISECONDS : EXIT_MILLISECONDS);
        NtTerminateProcess(delivery->process, control_c_exit);
    }
    NtClose(delivery->handlers);
    NtClose(delivery->process);
    HeapFree(GetProcessHeap(), 0, delivery);
    return 0;
}

static BOOL end_later(HANDLE process, HANDLE handlers, ULONG event) {
    struct delivery *delivery = HeapAlloc(GetProcessHeap(), 0, sizeof *delivery);
    if (!delivery) return FALSE;
    delivery->process = process;
    delivery->handlers = handlers;
    delivery->event = event;
    HANDLE thread = CreateThread(NULL, 0, end_when_handled, delivery, 0, NULL);
    if (!thread) {
        HeapFree(GetProcessHeap(), 0, delivery);
        return FALSE;
    }
    NtClose(thread);
    return TRUE;
}

static void deliver(ULONG process_id, BOOL is_program, LPTHREAD_START_ROUTINE routine, ULONG event) {
    HANDLE handlers = NULL, process = OpenProcess(PROCESS_ACCESS, FALSE, process_id);
    if (!process) return;
    BOOL loaded = routine_is_mapped(process, (const void *)routine);
    BOOL ends = ends_processes(event);
    if (loaded && !(ends && control_handlers_are_default(process)))
        handlers = CreateRemoteThread(process, NULL, 0, routine, (void *)(ULONG_PTR)event, 0, NULL);
    if (ends && handlers && end_later(process, handlers, event)) return;
    // Children without handlers end with the program.
    if (ends && (is_program || !may_end_by_itself(event))) NtTerminateProcess(process, control_c_exit);
    if (handlers) NtClose(handlers);
    NtClose(process);
}

static void deliver_to_job(const struct console_event *event, BOOL to_program, BOOL to_others) {
    struct job_processes *processes = HeapAlloc(GetProcessHeap(), 0, sizeof *processes);
    if (!processes) return;
    job_list(event->job, processes);
    for (ULONG i = 0; i < processes->count; i++) {
        BOOL is_program = processes->ids[i] == event->program_id;
        if (is_program ? to_program : to_others) deliver(processes->ids[i], is_program, event->routine, event->type);
    }
    HeapFree(GetProcessHeap(), 0, processes);
}

// A shutdown reaches the program first and those it started only if it is still there after a while: a server such as
// PostgreSQL ends its children in an order of its own, and takes a child that goes unasked for a crash.
static DWORD WINAPI shut_others_down_later(void *argument) {
    struct console_event *event = argument;
    HANDLE program = OpenProcess(SYNCHRONIZE, FALSE, event->program_id);
    if (program) {
        if (WaitForSingleObject(program, PROGRAM_FIRST_MILLISECONDS) == WAIT_TIMEOUT) deliver_to_job(event, FALSE, TRUE);
        NtClose(program);
    }
    HeapFree(GetProcessHeap(), 0, event);
    return 0;
}

void console_events_send(HANDLE job, ULONG program_id, ULONG type) {
    LPTHREAD_START_ROUTINE routine = (LPTHREAD_START_ROUTINE)(void *)GetProcAddress(
        GetModuleHandleW(L"kernelbase.dll"), "CtrlRoutine");
    if (!routine) return;
    struct console_event event = {job, program_id, type, routine};
    if (!may_end_by_itself(type)) {
        deliver_to_job(&event, TRUE, TRUE);
        return;
    }
    deliver_to_job(&event, TRUE, FALSE);
    struct console_event *later = HeapAlloc(GetProcessHeap(), 0, sizeof *later);
    if (!later) return;
    *later = event;
    HANDLE thread = CreateThread(NULL, 0, shut_others_down_later, later, 0, NULL);
    if (thread) NtClose(thread);
    else HeapFree(GetProcessHeap(), 0, later);
}
