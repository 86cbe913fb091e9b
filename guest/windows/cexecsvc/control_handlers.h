//! Whether a process has set a console control handler of its own.
#ifndef CASEMENT_CEXECSVC_CONTROL_HANDLERS_H
#define CASEMENT_CEXECSVC_CONTROL_HANDLERS_H

#include "../nt/text.h"

// TRUE when the process is known to have none that acts on close, logoff and shutdown, so that these simply end it. The process must have kernelbase
// mapped where CExecSvc has it.
BOOL control_handlers_are_default(HANDLE process);

#endif
