//! Tells a shell that reads its commands from standard input.
#ifndef CASEMENT_CEXECSVC_SHELL_H
#define CASEMENT_CEXECSVC_SHELL_H

#include "../nt/native.h"

// Whether `command_line` starts cmd without a command of its own (neither /c nor /k).
BOOL shell_reads_commands(const WCHAR *command_line);

#endif
