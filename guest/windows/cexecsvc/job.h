//! The job object that holds the program and everything it starts.
#ifndef CASEMENT_CEXECSVC_JOB_H
#define CASEMENT_CEXECSVC_JOB_H

#include "../nt/text.h"

enum { JOB_MAX_PROCESSES = 4096 };

struct job_processes {
    ULONG count;
    ULONG ids[JOB_MAX_PROCESSES];
};

// A new, empty job; NULL on failure.
HANDLE job_create(void);

// The processes that are in the job now.
void job_list(HANDLE job, struct job_processes *processes);

#endif
