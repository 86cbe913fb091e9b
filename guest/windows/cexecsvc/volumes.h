//! The mount manager of a silo: what programs learn of the volume behind C:.
//! Wine's own runs in winedevice.exe, after services.exe; and Wine's Linux side, which asks it for GetVolumeInformation,
//! cannot be made to wait for them. There is one drive in a silo, so the answers are few.
#ifndef CASEMENT_CEXECSVC_VOLUMES_H
#define CASEMENT_CEXECSVC_VOLUMES_H

#include "../nt/text.h"

// Takes the mount manager's place. Returns a handle that is signalled while programs ask (`device_server_answer` answers
// them); NULL when somebody else has the place.
HANDLE volumes_open(void);

#endif
