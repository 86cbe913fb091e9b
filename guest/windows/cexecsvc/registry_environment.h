//! The variables that the registry adds to every environment.
#ifndef CASEMENT_CEXECSVC_REGISTRY_ENVIRONMENT_H
#define CASEMENT_CEXECSVC_REGISTRY_ENVIRONMENT_H

#include "../nt/text.h"

// Sets or replaces one variable of a block.
void environment_set(WCHAR **environment, const WCHAR *name, const WCHAR *value);

// Applies the machine's and the user's Environment keys. The user's Path goes behind the machine's, as on Windows.
void registry_environment_apply(WCHAR **environment);

// Sets COMPUTERNAME.
void registry_environment_apply_computer_name(WCHAR **environment);

#endif
