//! The security token of an unprivileged container user.
#ifndef CASEMENT_CEXECSVC_TOKEN_H
#define CASEMENT_CEXECSVC_TOKEN_H

#include "../nt/text.h"

// A primary token with the Administrators group for deny only and every privilege but SeChangeNotify removed.
// Returns a win32 error, 0 when good.
ULONG token_create_restricted(HANDLE *token);

#endif
