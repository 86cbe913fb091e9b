"""Reads the layers of an image as an OCI layout has them (skopeo makes it), with nothing but Python's tar reader and hivex.

Prints JSON: for each layer its diff id, its entries with attributes and owner, and the keys of its differencing hives."""
import gzip
import hashlib
import io
import json
import struct
import sys
import tarfile
import tempfile
import base64
import os

import hivex


def owner(descriptor):
    """The owner of a self-relative security descriptor ([MS-DTYP] 2.4.6), whose parts have to be within it."""
    revision, _, control, at, group, sacl, dacl = struct.unpack_from("<BBHIIII", descriptor)
    assert revision == 1 and control & 0x8000 and at and dacl, descriptor.hex()
    for offset in (at, group, dacl):
        assert offset < len(descriptor), descriptor.hex()
    count = descriptor[at + 1]
    authority = int.from_bytes(descriptor[at + 2 : at + 8], "big")
    parts = struct.unpack_from(f"<{count}I", descriptor, at + 8)
    return "-".join(["S", "1", str(authority), *map(str, parts)])


def keys(hive, node, path, found):
    for value in hive.node_values(node):
        kind, data = hive.value_value(value)
        found.setdefault(path, {})[hive.value_key(value)] = data.decode("utf-16-le").rstrip("\0") if kind == 1 else data.hex()
    for child in hive.node_children(node):
        keys(hive, child, f"{path}\\{hive.node_name(child)}", found)


def read(blob):
    data = gzip.decompress(blob)
    layer = {"diff_id": "sha256:" + hashlib.sha256(data).hexdigest(), "entries": {}, "hives": {}}
    for entry in tarfile.open(fileobj=io.BytesIO(data)):
        records = entry.pax_headers
        assert entry.name not in layer["entries"], f"{entry.name} is there twice"
        layer["entries"][entry.name] = {
            "attributes": records.get("MSWINDOWS.fileattr"),
            "created": records.get("LIBARCHIVE.creationtime"),
            "owner": owner(base64.b64decode(records["MSWINDOWS.rawsd"])) if "MSWINDOWS.rawsd" in records else None,
        }
        if entry.isfile() and (entry.name.startswith("Hives/") or entry.name.upper().endswith("NTUSER.DAT")):
            with tempfile.NamedTemporaryFile() as file:
                file.write(tarfile.open(fileobj=io.BytesIO(data)).extractfile(entry.name).read())
                file.flush()
                hive = hivex.Hivex(file.name)
                found = layer["hives"][os.path.basename(entry.name)] = {}
                keys(hive, hive.root(), "", found)
    return layer


def blob(layout, descriptor):
    with open(os.path.join(layout, "blobs", *descriptor["digest"].split(":")), "rb") as file:
        content = file.read()
    assert "sha256:" + hashlib.sha256(content).hexdigest() == descriptor["digest"]
    assert len(content) == descriptor["size"]
    return content


layout = sys.argv[1]
with open(os.path.join(layout, "index.json")) as file:
    [top] = json.load(file)["manifests"]
manifest = json.loads(blob(layout, top))
config = json.loads(blob(layout, manifest["config"]))
layers = [read(blob(layout, descriptor)) for descriptor in manifest["layers"]]
assert [layer["diff_id"] for layer in layers] == config["rootfs"]["diff_ids"]
json.dump({"os": config["os"], "version": config["os.version"], "layers": layers}, sys.stdout)
