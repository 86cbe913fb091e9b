//! A device of our own in Wine's object namespace, served by this process.
//! Wine has no public call for this: drivers are loaded into winedevice.exe, which costs a silo 10 MB and services.exe. So
//! the requests of Wine's server that winedevice.exe itself uses are made here; their layouts are those of Wine 10.0, the
//! version the runtime pins.
#ifndef CASEMENT_CEXECSVC_DEVICE_SERVER_H
#define CASEMENT_CEXECSVC_DEVICE_SERVER_H

#include "../nt/text.h"

// One device control request: `size` bytes of input at `input`; up to `room` bytes of output may be written to `output`,
// which is not `input`. Returns the status and sets `written`.
typedef NTSTATUS (*device_control)(ULONG code, const void *input, ULONG size, void *output, ULONG room, ULONG *written);

// Makes the device; `control` answers its requests. One device in a process. Returns a handle that is signalled while
// requests wait, NULL when the device cannot be had.
HANDLE device_server_open(const WCHAR *name, device_control control);

// Answers all requests that wait, or until `stop` is signalled: programs that ask without end must not keep this thread.
// After `stop` the device is of no more use. Returns FALSE when it is of none for another reason; its handle is closed then.
BOOL device_server_answer(HANDLE stop);

#endif
