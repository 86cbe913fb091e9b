//! The service control manager on demand.
//! No service runs in a silo until a program asks for one: the pipe on which programs reach the service control manager
//! is held open by CExecSvc, and its first client starts services.exe. The other way, services.exe in every silo from the
//! start, costs 40 to 100 ms of processor time and 13 MB in each.
#ifndef CASEMENT_CEXECSVC_SERVICE_CONTROL_H
#define CASEMENT_CEXECSVC_SERVICE_CONTROL_H

#include "../nt/text.h"

// Takes the pipe. Returns an event that is set when the first client is there; NULL when somebody else has the pipe.
HANDLE service_control_listen(void);

// Starts services.exe and carries the first client's connection over to it, both in the background; every further
// client reaches services.exe itself.
void service_control_start(WCHAR *environment);

#endif
