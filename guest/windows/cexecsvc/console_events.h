//! Console control events for every process of a job, with or without a console.
#ifndef CASEMENT_CEXECSVC_CONSOLE_EVENTS_H
#define CASEMENT_CEXECSVC_CONSOLE_EVENTS_H

#include "../nt/text.h"

// Runs the control handlers of all processes in the job with `event` (CTRL_C_EVENT, CTRL_SHUTDOWN_EVENT, ...).
// After close, logoff and shutdown each process is ended as soon as its handlers have run, as Windows does.
void console_events_send(HANDLE job, ULONG event);

#endif
