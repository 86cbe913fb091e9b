"""Reads a Windows image in an OCI layout with nothing but Python's own modules, checks what the OCI image specification and the
layers of Windows ask for, and prints what was found as JSON."""

import base64
import gzip
import hashlib
import io
import json
import pathlib
import struct
import sys
import tarfile

layout = pathlib.Path(sys.argv[1])
assert json.loads((layout / "oci-layout").read_text())["imageLayoutVersion"] == "1.0.0"


def blob(descriptor):
    algorithm, digits = descriptor["digest"].split(":")
    content = (layout / "blobs" / algorithm / digits).read_bytes()
    assert len(content) == descriptor["size"], descriptor
    assert hashlib.new(algorithm, content).hexdigest() == digits, descriptor
    return content


def check_security(descriptor, name):
    """A self-relative security descriptor, revision 1, whose parts are inside."""
    revision, _, control, *offsets = struct.unpack_from("<BBHIIII", descriptor)
    assert revision == 1 and control & 0x8000, name
    assert all(offset == 0 or 20 <= offset < len(descriptor) for offset in offsets), name


def layer(content):
    found = {"files": [], "hives": []}
    names, directories = set(), set()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        last = None
        for member in archive:
            name = member.name
            assert name.split("/")[0] in ("Files", "Hives", "UtilityVM"), name
            assert not name.startswith("/") and ".." not in name.split("/"), name
            if member.isdir():
                directories.add(name)
            parent = name.rpartition("/")[0]
            assert not parent or parent in directories, f"{name} comes before its directory"
            if name.rpartition("/")[2].startswith(".wh."):
                assert member.size == 0 and name.startswith("Files/"), name
                continue
            if member.islnk():
                # Of a file that came before, or of a layer below.
                assert member.linkname.startswith("Files/"), name
                continue
            assert name.upper() not in names, f"{name} is there twice"
            names.add(name.upper())
            if ":" in name:
                # A stream of the file before it, of which nothing else is known.
                assert name.rpartition(":")[0] == last and member.isfile(), name
                continue
            last = name
            attributes = int(member.pax_headers["MSWINDOWS.fileattr"])
            assert member.isdir() == bool(attributes & 0x10) or member.issym(), name
            if "MSWINDOWS.rawsd" in member.pax_headers:
                check_security(base64.b64decode(member.pax_headers["MSWINDOWS.rawsd"], validate=True), name)
            else:
                assert not member.isdir(), f"{name} has no security descriptor"
            if member.isfile():
                found["files"].append(name)
                if parent == "Hives":
                    assert archive.extractfile(member).read(4) == b"regf", name
                    found["hives"].append(name)
    return found


index = json.loads((layout / "index.json").read_text())
manifest = json.loads(blob(index["manifests"][0]))
assert manifest["schemaVersion"] == 2
config = json.loads(blob(manifest["config"]))
diff_ids = config["rootfs"]["diff_ids"]
assert config["rootfs"]["type"] == "layers" and len(diff_ids) == len(manifest["layers"])
layered = [step for step in config["history"] if not step.get("empty_layer")]
assert len(layered) == len(diff_ids), config["history"]
result = {key: config.get(key) for key in ("os", "architecture", "os.version")}
result["layers"] = []
for descriptor, diff_id in zip(manifest["layers"], diff_ids):
    content = blob(descriptor)
    if descriptor["mediaType"].endswith("+gzip"):
        content = gzip.decompress(content)
    elif descriptor["mediaType"].endswith("+zstd"):
        import subprocess

        content = subprocess.run(["zstd", "-dcq"], input=content, stdout=subprocess.PIPE, check=True).stdout
    assert "sha256:" + hashlib.sha256(content).hexdigest() == diff_id
    result["layers"].append(layer(content))
print(json.dumps(result))
