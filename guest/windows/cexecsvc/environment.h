//! The environment block of a program in a Windows container.
#ifndef CASEMENT_CEXECSVC_ENVIRONMENT_H
#define CASEMENT_CEXECSVC_ENVIRONMENT_H

#include "../nt/text.h"

// The names that Windows itself gives, then the registry's (machine, then user), then `overrides`, each replacing
// equal names without regard to case. The block is sorted and lives until the process ends; NULL when memory is short.
WCHAR *environment_build(const WCHAR *user, const WCHAR *overrides);

// A variable of the block, copied with terminator into `value`. Returns FALSE when it is absent or does not fit.
BOOL environment_get(WCHAR *environment, const WCHAR *name, WCHAR *value, ULONG units);

#endif
