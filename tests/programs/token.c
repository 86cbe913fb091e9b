//! token.exe: prints what its security token allows: user, administrators, elevation, privileges.
#include "text_output.h"

int main(void) {
    HANDLE token;
    DWORD size;
    char buffer[4096], name[256];
    BYTE administrators[SECURITY_MAX_SID_SIZE];
    DWORD sid_size = sizeof administrators, name_size = sizeof name;
    BOOL member = FALSE;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY | TOKEN_DUPLICATE, &token)) return 2;
    if (GetUserNameA(name, &name_size)) say("user %s\n", name);
    CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, administrators, &sid_size);
    if (!CheckTokenMembership(NULL, administrators, &member)) say("CheckTokenMembership error %lu\n", GetLastError());
    say("administrator %d\n", member);
    if (GetTokenInformation(token, TokenElevation, buffer, sizeof buffer, &size))
        say("elevated %lu\n", ((TOKEN_ELEVATION *)buffer)->TokenIsElevated);
    if (GetTokenInformation(token, TokenGroups, buffer, sizeof buffer, &size)) {
        TOKEN_GROUPS *groups = (TOKEN_GROUPS *)buffer;
        for (DWORD i = 0; i < groups->GroupCount; i++)
            if (EqualSid(groups->Groups[i].Sid, administrators))
                say("administrators group attributes 0x%lx\n", groups->Groups[i].Attributes);
    }
    if (GetTokenInformation(token, TokenPrivileges, buffer, sizeof buffer, &size)) {
        TOKEN_PRIVILEGES *privileges = (TOKEN_PRIVILEGES *)buffer;
        say("privileges %lu:", privileges->PrivilegeCount);
        for (DWORD i = 0; i < privileges->PrivilegeCount; i++) {
            DWORD length = sizeof name;
            if (LookupPrivilegeNameA(NULL, &privileges->Privileges[i].Luid, name, &length)) say(" %s", name);
        }
        say("\n");
    }
    HKEY key;
    LONG error = RegCreateKeyExA(HKEY_LOCAL_MACHINE, "Software\\CasementTokenProbe", 0, NULL, REG_OPTION_VOLATILE,
                                 KEY_WRITE, NULL, &key, NULL);
    say("write HKLM error %ld\n", error);
    HANDLE file = CreateFileA("token_probe.tmp", GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    say("create file error %lu\n", file == INVALID_HANDLE_VALUE ? GetLastError() : 0);
    return member ? 1 : 0;
}
