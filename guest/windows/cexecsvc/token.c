//! The security token of an unprivileged container user.
#include "token.h"

enum { DISABLE_MAX_PRIVILEGE_FLAG = 1 };

ULONG token_create_restricted(HANDLE *token) {
    // S-1-5-32-544, BUILTIN\Administrators
    struct {
        UCHAR revision, count;
        UCHAR authority[6];
        ULONG parts[2];
    } administrators = {1, 2, {0, 0, 0, 0, 0, 5}, {32, 544}};
    TOKEN_GROUPS disabled = {.GroupCount = 1, .Groups = {{.Sid = &administrators}}};
    HANDLE own;
    NTSTATUS status = NtOpenProcessToken(CURRENT_PROCESS, TOKEN_ALL_ACCESS, &own);
    if (status) return RtlNtStatusToDosError(status);
    status = NtFilterToken(own, DISABLE_MAX_PRIVILEGE_FLAG, &disabled, NULL, NULL, token);
    NtClose(own);
    return status ? RtlNtStatusToDosError(status) : 0;
}
