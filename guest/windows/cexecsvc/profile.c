//! The profile directory of the user.
#include "profile.h"

enum { PATH_UNITS = 320, MAX_USER_UNITS = 256 };

void profile_make_directories(const WCHAR *user) {
    // The deepest directory that every profile has comes last, so its presence says that all are there.
    static const WCHAR *const directories[] = {
        L"",           L"\\Desktop",           L"\\Documents",      L"\\Downloads",
        L"\\AppData",  L"\\AppData\\Roaming",  L"\\AppData\\Local", L"\\AppData\\Local\\Temp",
    };
    enum { COUNT = sizeof directories / sizeof *directories };
    WCHAR path[PATH_UNITS], *end;
    if (text_length(user) >= MAX_USER_UNITS) return;
    end = text_append(text_append(path, L"C:\\Users\\"), user);
    text_append(end, directories[COUNT - 1]);
    if (GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES) return;
    for (int i = 0; i < COUNT; i++) {
        text_append(end, directories[i]);
        CreateDirectoryW(path, NULL);
    }
}
