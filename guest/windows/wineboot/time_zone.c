//! A UTC time zone at the head of the list.
//! kernelbase looks up the zone of the Linux side in every process that starts, reading the registry's zones in the order
//! of their names until one fits: some 450 server calls, more than all the rest of a start, and the zone it finds for
//! UTC is Greenwich. Windows containers run in UTC, so a volatile zone that sorts first is what it is to find.
#include "boot.h"

// The TZI value (Microsoft: TIME_ZONE_INFORMATION, "Remarks"): no bias, no daylight saving.
struct time_zone_dates {
    LONG bias, standard_bias, daylight_bias;
    USHORT standard_date[8], daylight_date[8];
};

void boot_put_utc_first(void) {
    static const struct time_zone_dates utc;
    UNICODE_STRING name = text_view(L"TZI");
    HANDLE key = boot_create_key(
        NULL, L"\\Registry\\Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion\\Time Zones\\(UTC)",
        REG_OPTION_VOLATILE);
    if (!key) return;
    boot_set_text(key, L"Display", L"(UTC) Coordinated Universal Time");
    boot_set_text(key, L"Std", L"Coordinated Universal Time");
    boot_set_text(key, L"Dlt", L"Coordinated Universal Time");
    NtSetValueKey(key, &name, 0, REG_BINARY, &utc, sizeof utc);
    NtClose(key);
}
