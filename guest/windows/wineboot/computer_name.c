//! The computer name: the host name of the silo's UTS namespace, upper-cased and cut as NetBIOS names are.
#include "boot.h"

#include "../nt/linux_calls.h"

enum { HOST_NAME_SIZE = 65, NETBIOS_NAME_LENGTH = 15 };

// Writes the value only where it differs, so that an unchanged registry stays unchanged.
static void update_text(const WCHAR *path, const WCHAR *name, const WCHAR *value, ULONG options) {
    union {
        struct key_value_partial value;
        char room[sizeof(struct key_value_partial) + HOST_NAME_SIZE * sizeof(WCHAR)];
    } current;
    ULONG needed, size = (ULONG)((text_length(value) + 1) * sizeof(WCHAR));
    UNICODE_STRING value_name = text_view(name);
    HANDLE key = boot_create_key(NULL, path, options);
    if (!key) return;
    BOOL same = !NtQueryValueKey(key, &value_name, KEY_VALUE_PARTIAL_INFORMATION_CLASS, &current, sizeof current,
                                 &needed) &&
                current.value.data_length == size;
    for (ULONG i = 0; same && i < size; i++) same = current.value.data[i] == ((const UCHAR *)value)[i];
    if (!same) boot_set_text(key, name, value);
    NtClose(key);
}

void boot_set_computer_name(void) {
    char host[HOST_NAME_SIZE];
    WCHAR dns_name[HOST_NAME_SIZE], netbios_name[NETBIOS_NAME_LENGTH + 1];
    size_t length = 0;
    if (!linux_host_name(host, sizeof host)) return;
    while (host[length] && host[length] != '.') {
        dns_name[length] = (unsigned char)host[length];
        length++;
    }
    if (!length) return;
    dns_name[length] = 0;
    size_t short_length = length < NETBIOS_NAME_LENGTH ? length : NETBIOS_NAME_LENGTH;
    for (size_t i = 0; i < short_length; i++)
        netbios_name[i] = dns_name[i] >= L'a' && dns_name[i] <= L'z' ? dns_name[i] - 32 : dns_name[i];
    netbios_name[short_length] = 0;

#define CONTROL_SET L"\\Registry\\Machine\\System\\CurrentControlSet\\"
    update_text(CONTROL_SET L"Control\\ComputerName\\ComputerName", L"ComputerName", netbios_name, 0);
    update_text(CONTROL_SET L"Control\\ComputerName\\ActiveComputerName", L"ComputerName", netbios_name,
                REG_OPTION_VOLATILE);
    update_text(CONTROL_SET L"Services\\Tcpip\\Parameters", L"Hostname", dns_name, 0);
    update_text(CONTROL_SET L"Services\\Tcpip\\Parameters", L"NV Hostname", dns_name, 0);
}
