//! The profile directory of the user.
#ifndef CASEMENT_CEXECSVC_PROFILE_H
#define CASEMENT_CEXECSVC_PROFILE_H

#include "../nt/text.h"

// Makes the directories of the user's profile that are missing. Failures show when a program uses them.
void profile_make_directories(const WCHAR *user);

#endif
