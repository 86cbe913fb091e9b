"""Writes a layer as the documents describe it, with nothing of this project: Python's own tarfile, and the binary forms of
[MS-DTYP] laid out by hand. The first argument is the file to write."""

import base64
import io
import struct
import sys
import tarfile


def sid(authority, *parts):
    return struct.pack(">BBHI", 1, len(parts), 0, authority) + b"".join(struct.pack("<I", part) for part in parts)


def descriptor():
    owner, group, everyone = sid(5, 32, 544), sid(5, 18), sid(1, 0)
    ace = struct.pack("<BBHI", 0, 3, 8 + len(everyone), 0x1F01FF) + everyone
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(ace), 1, 0) + ace
    at = 20
    offsets = [at, at + len(owner), 0, at + len(owner) + len(group)]
    return struct.pack("<BBH4I", 1, 0, 0x8004, *offsets) + owner + group + acl


def b64(data):
    return base64.b64encode(data).decode()


def add(tar, name, kind=tarfile.REGTYPE, data=b"", link="", **records):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mtime = kind, link, len(data), 1700000000
    info.pax_headers = {key.replace("__", "."): value for key, value in records.items()}
    tar.addfile(info, io.BytesIO(data))


with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as tar:
    windows = {
        "MSWINDOWS__rawsd": b64(descriptor()),
        "LIBARCHIVE__creationtime": "1600000000.1234567",
        "mtime": "1650000000.7654321",
        "atime": "1650000001",
        "ctime": "1650000002.5",
    }
    add(tar, "Files", tarfile.DIRTYPE, MSWINDOWS__fileattr="16", **windows)
    add(tar, "Files/Größe 字.txt", data=b"content", MSWINDOWS__fileattr="8227", **windows)
    add(tar, "Files/Größe 字.txt:Zone.Identifier", data=b"[ZoneTransfer]\r\nZoneId=3\r\n")
    add(tar, "Files/Größe 字.txt:other:$DATA", data=b"2")
    add(tar, "Files/" + "long/" * 40 + "name", data=b"x" * 1000, MSWINDOWS__fileattr="32", **windows)
    add(tar, "Files/with attributes", data=b"", **{"MSWINDOWS.xattr.KERNEL.PURGE.X": b64(b"\0\1\2")})
    add(tar, "Files/old", data=b"", MSWINDOWS__sd="O:BAG:SYD:(A;;FA;;;WD)")
    add(tar, "Files/junction", tarfile.SYMTYPE, link="C:/Users", MSWINDOWS__fileattr="1040", MSWINDOWS__mountpoint="1")
    add(tar, "Files/link", tarfile.SYMTYPE, link="../a/b", MSWINDOWS__fileattr="1024")
    add(tar, "Files/hard", tarfile.LNKTYPE, link="Files/" + "long/" * 40 + "name")
    add(tar, "Files/of a layer below", tarfile.LNKTYPE, link="Files/Windows/System32/ntdll.dll")
    add(tar, "Files/dir/.wh.gone")
    add(tar, "Hives/System_Delta", data=b"regf", MSWINDOWS__fileattr="32")
