//! The job object that holds the program and everything it starts.
#include "job.h"

HANDLE job_create(void) {
    return CreateJobObjectW(NULL, NULL);
}

void job_list(HANDLE job, struct job_processes *processes) {
    enum { BYTES = sizeof(JOBOBJECT_BASIC_PROCESS_ID_LIST) + JOB_MAX_PROCESSES * sizeof(ULONG_PTR) };
    processes->count = 0;
    JOBOBJECT_BASIC_PROCESS_ID_LIST *list = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, BYTES);
    if (!list) return;
    // With more processes than fit the call fails with ERROR_MORE_DATA and the list holds those that fit.
    if (QueryInformationJobObject(job, JobObjectBasicProcessIdList, list, BYTES, NULL) ||
        GetLastError() == ERROR_MORE_DATA) {
        for (ULONG i = 0; i < list->NumberOfProcessIdsInList && i < JOB_MAX_PROCESSES; i++)
            processes->ids[processes->count++] = (ULONG)list->ProcessIdList[i];
    }
    HeapFree(GetProcessHeap(), 0, list);
}
