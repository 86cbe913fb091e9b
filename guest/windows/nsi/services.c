//! nsi.dll and iphlpapi.dll: the doors to network tables (GetAdaptersAddresses, GetTcpTable) and to ping.
//! Wine's own, beside them as nsi_wine.dll and iphlpapi_wine.dll, talk to a driver that runs only when services do. These start the
//! services, once, before the first call goes on to Wine's; a program that asks for no network table pays nothing.
#include "../nt/text.h"

enum { START_MILLISECONDS = 60000 };

volatile long nsi_services_asked;

static BOOL driver_is_there(void) {
    HANDLE device = CreateFileW(L"\\\\.\\Nsi", 0, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    if (device == INVALID_HANDLE_VALUE) return FALSE;
    CloseHandle(device);
    return TRUE;
}

// Called by every export that needs the driver until it has run once. The first client of the service control manager's pipe makes CExecSvc
// start services.exe, which sets the event when the drivers are up.
void nsi_start_services(void) {
    if (driver_is_there()) {
        nsi_services_asked = 1;
        return;
    }
    HANDLE started = CreateEventW(NULL, TRUE, FALSE, L"__wine_SvcctlStarted");
    HANDLE pipe = CreateFileW(L"\\\\.\\pipe\\svcctl", GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    BOOL starting = pipe != INVALID_HANDLE_VALUE || GetLastError() == ERROR_PIPE_BUSY;
    if (started && starting) WaitForSingleObject(started, START_MILLISECONDS);
    if (pipe != INVALID_HANDLE_VALUE) CloseHandle(pipe);
    if (started) CloseHandle(started);
    nsi_services_asked = 1;
}

BOOL WINAPI dll_start(HINSTANCE library, DWORD reason, void *reserved) {
    if (reason == DLL_PROCESS_ATTACH) DisableThreadLibraryCalls(library);
    (void)reserved;
    return TRUE;
}
