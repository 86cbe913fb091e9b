//! Console control events for every process of a job, with or without a console.
#ifndef CASEMENT_CEXECSVC_CONSOLE_EVENTS_H
#define CASEMENT_CEXECSVC_CONSOLE_EVENTS_H

#include "../nt/text.h"

// Runs the control handlers of all processes in the job with `event` (CTRL_C_EVENT, CTRL_SHUTDOWN_EVENT, ...).
// After close and logoff each process is ended as soon as its handlers have run, as Windows does. After shutdown the
// program with the id `program_id` is ended at once if it has no handlers; otherwise everything goes on until it ends,
// and the processes it started get the event two seconds later if it has not ended by then.
void console_events_send(HANDLE job, ULONG program_id, ULONG type);

#endif
