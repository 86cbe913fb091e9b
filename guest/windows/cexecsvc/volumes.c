//! The answers of the mount manager.
#include "volumes.h"
#include "device_server.h"

// IOCTL_MOUNTMGR_QUERY_POINTS, and the request by which Wine asks for a drive letter's facts.
enum {
    QUERY_POINTS = 'm' << 16 | 2 << 2,
    QUERY_DRIVE = 'm' << 16 | FILE_READ_ACCESS << 14 | 33 << 2,
};

enum { FILE_SYSTEM_NTFS = 0 };

// What QUERY_DRIVE carries in both directions; texts follow it.
struct drive {
    ULONG size;
    ULONG type;
    ULONG file_system;
    ULONG serial;
    ULONGLONG linux_device;
    WCHAR letter;
    USHORT mount_point_offset;
    USHORT device_offset;
    USHORT label_offset;
};

// A text or a block of bytes of a mount point, from the start of the message that it is in.
struct part {
    ULONG offset;
    USHORT length;
};

// MOUNTMGR_MOUNT_POINT and MOUNTMGR_MOUNT_POINTS of the driver kit.
struct mount_point {
    struct part link, unique_id, device;
};

struct mount_points {
    ULONG size;
    ULONG count;
    struct mount_point points[];
};

static const WCHAR device_name[] = L"\\Device\\HarddiskVolume1";  // as wineboot names C:
static const WCHAR drive_link[] = L"\\DosDevices\\C:";
static WCHAR volume_link[] = L"\\??\\Volume{00000000-0000-0000-0000-100000000000}";
enum { VOLUME_LINK_SERIAL = 11 };

static ULONG serial;
static ULONGLONG unique_id;

// FNV-1a of the computer name: the same for a container's life, and different between containers.
static ULONG make_serial(void) {
    WCHAR name[MAX_COMPUTERNAME_LENGTH + 1];
    DWORD length = MAX_COMPUTERNAME_LENGTH + 1;
    ULONG hash = 2166136261u;
    if (!GetComputerNameW(name, &length)) length = 0;
    for (DWORD i = 0; i < length; i++) hash = (hash ^ name[i]) * 16777619u;
    return hash;
}

static NTSTATUS query_drive(const void *input, ULONG size, void *output, ULONG room, ULONG *written) {
    struct {
        struct drive drive;
        WCHAR label[1];
    } answer = {{sizeof answer, DRIVE_FIXED, FILE_SYSTEM_NTFS, serial, 0, L'c', 0, 0, sizeof(struct drive)}, {0}};
    const struct drive *asked = input;
    if (size < sizeof *asked || room < sizeof *asked) return STATUS_INVALID_PARAMETER;
    if ((asked->letter | 0x20) != L'c') return STATUS_NO_SUCH_DEVICE;
    answer.drive.letter = asked->letter;
    ULONG whole = sizeof answer.drive + sizeof answer.label;
    *written = room < whole ? room : whole;
    __builtin_memcpy(output, &answer, *written);
    return room < whole ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

// Whether a request leaves a part open or names it; texts without regard to case.
static BOOL wants_text(const UCHAR *input, const struct part *part, const WCHAR *text) {
    UNICODE_STRING own = text_view(text);
    UNICODE_STRING asked = {part->length, part->length, (WCHAR *)(input + part->offset)};
    return !part->length || RtlEqualUnicodeString(&own, &asked, TRUE);
}

static BOOL wants_id(const UCHAR *input, const struct part *part) {
    ULONGLONG asked;
    if (part->length != sizeof asked) return !part->length;
    __builtin_memcpy(&asked, input + part->offset, sizeof asked);
    return asked == unique_id;
}

static BOOL part_fits(const struct part *part, ULONG size) {
    return part->offset <= size && part->length <= size - part->offset;
}

static struct part add_part(UCHAR *output, ULONG *end, const void *bytes, size_t length) {
    struct part part = {*end, (USHORT)length};
    __builtin_memcpy(output + *end, bytes, length);
    *end += (ULONG)length;
    return part;
}

static NTSTATUS query_points(const void *input, ULONG size, void *output, ULONG room, ULONG *written) {
    const struct mount_point *asked = input;
    const WCHAR *links[] = {drive_link, volume_link}, *wanted[2];
    struct mount_points *answer = output;
    size_t device_bytes = sizeof device_name - sizeof(WCHAR);
    ULONG count = 0, whole = sizeof *answer;
    if (size < sizeof *asked || room < sizeof *answer || !part_fits(&asked->link, size) ||
        !part_fits(&asked->unique_id, size) || !part_fits(&asked->device, size))
        return STATUS_INVALID_PARAMETER;
    if (wants_text(input, &asked->device, device_name) && wants_id(input, &asked->unique_id))
        for (int i = 0; i < 2; i++)
            if (wants_text(input, &asked->link, links[i])) {
                wanted[count++] = links[i];
                whole += (ULONG)(sizeof *answer->points + text_length(links[i]) * sizeof(WCHAR) + device_bytes +
                                 sizeof unique_id);
            }
    answer->size = whole;
    *written = sizeof answer->size;
    if (room < whole) return STATUS_BUFFER_OVERFLOW;
    answer->count = count;
    ULONG end = (ULONG)(sizeof *answer + count * sizeof *answer->points);
    for (ULONG i = 0; i < count; i++) {
        struct mount_point *point = &answer->points[i];
        point->device = add_part(output, &end, device_name, device_bytes);
        point->link = add_part(output, &end, wanted[i], text_length(wanted[i]) * sizeof(WCHAR));
        point->unique_id = add_part(output, &end, &unique_id, sizeof unique_id);
    }
    *written = whole;
    return STATUS_SUCCESS;
}

static NTSTATUS control(ULONG code, const void *input, ULONG size, void *output, ULONG room, ULONG *written) {
    if (code == QUERY_DRIVE) return query_drive(input, size, output, room, written);
    if (code == QUERY_POINTS) return query_points(input, size, output, room, written);
    return STATUS_NOT_SUPPORTED;
}

HANDLE volumes_open(void) {
    HANDLE link, device = device_server_open(L"\\Device\\MountPointManager", control);
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name = text_view(L"\\??\\MountPointManager"), target = text_view(L"\\Device\\MountPointManager");
    if (!device) return NULL;
    // The link lives as long as this process: its handle stays open.
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    NtCreateSymbolicLinkObject(&link, SYMBOLIC_LINK_ALL_ACCESS, &attributes, &target);
    serial = make_serial();
    unique_id = serial;
    for (int i = 0; i < 8; i++) volume_link[VOLUME_LINK_SERIAL + i] = L"0123456789abcdef"[serial >> (28 - 4 * i) & 15];
    return device;
}
