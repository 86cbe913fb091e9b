//! The part of the native NT interface that the guest programs use and the public SDK headers leave out.
#ifndef CASEMENT_NT_NATIVE_H
#define CASEMENT_NT_NATIVE_H

#include <windows.h>
#include <winternl.h>

#ifndef SYMBOLIC_LINK_ALL_ACCESS
#define SYMBOLIC_LINK_ALL_ACCESS (STANDARD_RIGHTS_REQUIRED | 1)
#endif
// Statuses that <windows.h> leaves to <ntstatus.h>, which does not go together with it.
#ifndef STATUS_SUCCESS
#define STATUS_SUCCESS ((NTSTATUS)0)
#endif
#ifndef STATUS_BUFFER_OVERFLOW
#define STATUS_BUFFER_OVERFLOW ((NTSTATUS)0x80000005)
#endif
#ifndef STATUS_NO_SUCH_DEVICE
#define STATUS_NO_SUCH_DEVICE ((NTSTATUS)0xC000000E)
#endif
#ifndef STATUS_INVALID_DEVICE_REQUEST
#define STATUS_INVALID_DEVICE_REQUEST ((NTSTATUS)0xC0000010)
#endif
#ifndef STATUS_NOT_SUPPORTED
#define STATUS_NOT_SUPPORTED ((NTSTATUS)0xC00000BB)
#endif
#define CURRENT_PROCESS ((HANDLE)(LONG_PTR)-1)

// Access rights and information classes, as in Microsoft's driver kit documentation.
enum {
    SECTION_ACCESS_READ_WRITE = SECTION_MAP_READ | SECTION_MAP_WRITE,
    VIEW_UNMAP = 2,
    KEY_VALUE_FULL_INFORMATION_CLASS = 1,
    KEY_VALUE_PARTIAL_INFORMATION_CLASS = 2,
    MEMORY_BASIC_INFORMATION_CLASS = 0,
    MEMORY_MAPPED_FILE_NAME_CLASS = 2,
    SYNCHRONIZATION_EVENT_TYPE = 0,
    NOTIFICATION_EVENT_TYPE = 1,
};

struct key_value_full {
    ULONG title_index;
    ULONG type;
    ULONG data_offset;
    ULONG data_length;
    ULONG name_length;
    WCHAR name[1];
};

struct key_value_partial {
    ULONG title_index;
    ULONG type;
    ULONG data_length;
    UCHAR data[1];
};

// RTL_OSVERSIONINFOEXW with its real last fields.
struct os_version {
    ULONG size;
    ULONG major;
    ULONG minor;
    ULONG build;
    ULONG platform;
    WCHAR service_pack[128];
    USHORT service_pack_major;
    USHORT service_pack_minor;
    USHORT suite_mask;
    UCHAR product_type;
    UCHAR reserved;
};

NTSTATUS NTAPI NtOpenSection(HANDLE *section, ACCESS_MASK access, OBJECT_ATTRIBUTES *attributes);
NTSTATUS NTAPI NtMapViewOfSection(HANDLE section, HANDLE process, void **base, ULONG_PTR zero_bits, SIZE_T commit,
                                  LARGE_INTEGER *offset, SIZE_T *size, int inherit, ULONG type, ULONG protect);
NTSTATUS NTAPI NtUnmapViewOfSection(HANDLE process, void *base);
NTSTATUS NTAPI NtCreateEvent(HANDLE *event, ACCESS_MASK access, OBJECT_ATTRIBUTES *attributes, int type,
                             BOOLEAN signalled);
NTSTATUS NTAPI NtSetEvent(HANDLE event, LONG *previous);
NTSTATUS NTAPI NtMakePermanentObject(HANDLE object);
NTSTATUS NTAPI NtCreateSymbolicLinkObject(HANDLE *link, ACCESS_MASK access, OBJECT_ATTRIBUTES *attributes,
                                          UNICODE_STRING *target);
NTSTATUS NTAPI NtTerminateProcess(HANDLE process, NTSTATUS status);
NTSTATUS NTAPI NtCreateKey(HANDLE *key, ACCESS_MASK access, OBJECT_ATTRIBUTES *attributes, ULONG title_index,
                           UNICODE_STRING *class_name, ULONG options, ULONG *disposition);
NTSTATUS NTAPI NtOpenKey(HANDLE *key, ACCESS_MASK access, OBJECT_ATTRIBUTES *attributes);
NTSTATUS NTAPI NtSetValueKey(HANDLE key, UNICODE_STRING *name, ULONG title_index, ULONG type, const void *data,
                             ULONG size);
NTSTATUS NTAPI NtQueryValueKey(HANDLE key, UNICODE_STRING *name, int information_class, void *data, ULONG size,
                               ULONG *needed);
NTSTATUS NTAPI NtEnumerateValueKey(HANDLE key, ULONG index, int information_class, void *data, ULONG size,
                                   ULONG *needed);
NTSTATUS NTAPI NtFilterToken(HANDLE token, ULONG flags, TOKEN_GROUPS *disable, TOKEN_PRIVILEGES *remove,
                             TOKEN_GROUPS *restrict_to, HANDLE *filtered);
NTSTATUS NTAPI NtQueryInformationToken(HANDLE token, TOKEN_INFORMATION_CLASS information_class, void *data, ULONG size,
                                       ULONG *needed);
NTSTATUS NTAPI NtOpenProcessToken(HANDLE process, ACCESS_MASK access, HANDLE *token);
NTSTATUS NTAPI NtQueryVirtualMemory(HANDLE process, const void *address, int information_class, void *data,
                                    SIZE_T size, SIZE_T *needed);
BOOLEAN NTAPI RtlEqualUnicodeString(const UNICODE_STRING *one, const UNICODE_STRING *other, BOOLEAN ignore_case);
NTSTATUS NTAPI RtlGetVersion(RTL_OSVERSIONINFOW *version);
NTSTATUS NTAPI RtlOpenCurrentUser(ACCESS_MASK access, HANDLE *key);
NTSTATUS NTAPI RtlCreateEnvironment(BOOLEAN inherit, WCHAR **environment);
NTSTATUS NTAPI RtlSetEnvironmentVariable(WCHAR **environment, UNICODE_STRING *name, UNICODE_STRING *value);
NTSTATUS NTAPI RtlQueryEnvironmentVariable_U(WCHAR *environment, UNICODE_STRING *name, UNICODE_STRING *value);
NTSTATUS NTAPI RtlExpandEnvironmentStrings_U(const WCHAR *environment, const UNICODE_STRING *source,
                                             UNICODE_STRING *expanded, ULONG *needed);

#endif
