//! The standard handles of a program without a console: NT pipes, pumped from and to the Linux descriptors 0 to 2.
//! Programs such as node set the state of their standard pipes, which works on NT pipes only.
#ifndef CASEMENT_CEXECSVC_PIPES_H
#define CASEMENT_CEXECSVC_PIPES_H

#include "../nt/text.h"

// Takes descriptors 0 to 2 away from everything that CExecSvc starts and makes the three pipes, for `stdio` or, when it
// is NULL, for what the descriptors 0 to 2 were.
// Fills the standard handles of `startup`. Returns a win32 error, 0 when good.
ULONG pipes_create(STARTUPINFOW *startup, const int *stdio);

// How input reaches the program: as it comes, or each line only when the one before it has been read.
enum input_mode { INPUT_AS_IT_COMES, INPUT_BY_LINES };

// Closes the program's ends in CExecSvc, once the program has inherited them, and starts the pumps.
void pipes_start(STARTUPINFOW *startup, enum input_mode mode);

// After the program has ended: returns when all it wrote is in the Linux descriptors. Other processes that still hold
// the pipes delay this by PIPES_GRACE_MILLISECONDS at most.
enum { PIPES_GRACE_MILLISECONDS = 1000 };
void pipes_drain(void);

#endif
