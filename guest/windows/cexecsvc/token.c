//! The security token of an unprivileged container user.
#include "token.h"

enum {
    SE_CHANGE_NOTIFY = 23,  // the privilege to traverse directories, which everybody has
    PRIVILEGES_BYTES = 4096,
};

// Wine does not act on DISABLE_MAX_PRIVILEGE, so the privileges to remove are named one by one.
static NTSTATUS list_removable(HANDLE token, TOKEN_PRIVILEGES *privileges) {
    ULONG size, kept = 0;
    NTSTATUS status = NtQueryInformationToken(token, TokenPrivileges, privileges, PRIVILEGES_BYTES, &size);
    if (status) return status;
    for (ULONG i = 0; i < privileges->PrivilegeCount; i++) {
        const LUID luid = privileges->Privileges[i].Luid;
        if (luid.HighPart || luid.LowPart != SE_CHANGE_NOTIFY) privileges->Privileges[kept++] = privileges->Privileges[i];
    }
    privileges->PrivilegeCount = kept;
    return 0;
}

ULONG token_create_restricted(HANDLE *token) {
    // S-1-5-32-544, BUILTIN\Administrators
    struct {
        UCHAR revision, count;
        UCHAR authority[6];
        ULONG parts[2];
    } administrators = {1, 2, {0, 0, 0, 0, 0, 5}, {32, 544}};
    TOKEN_GROUPS disabled = {.GroupCount = 1, .Groups = {{.Sid = &administrators}}};
    union {
        TOKEN_PRIVILEGES list;
        char room[PRIVILEGES_BYTES];
    } removed;
    HANDLE own;
    NTSTATUS status = NtOpenProcessToken(CURRENT_PROCESS, TOKEN_ALL_ACCESS, &own);
    if (status) return RtlNtStatusToDosError(status);
    status = list_removable(own, &removed.list);
    if (!status) status = NtFilterToken(own, 0, &disabled, &removed.list, NULL, token);
    NtClose(own);
    return status ? RtlNtStatusToDosError(status) : 0;
}
