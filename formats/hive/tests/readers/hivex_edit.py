"""Adds, changes and deletes keys and values of a hive with hivex."""
import sys

import hivex

hive = hivex.Hivex(sys.argv[1], write=True)
root = hive.root()
made = hive.node_add_child(root, "Made by hivex")
hive.node_set_values(
    made,
    [
        {"key": "", "t": 1, "value": "default\0".encode("utf-16-le")},
        {"key": "number", "t": 4, "value": (42).to_bytes(4, "little")},
        {"key": "long", "t": 3, "value": bytes(range(256)) * 80},
        {"key": "empty", "t": 0, "value": b""},
    ],
)
for name in ("zulu", "Alpha", "mike"):
    hive.node_add_child(made, name)
hive.node_delete_child(hive.node_get_child(root, "Deleted"))
hive.node_set_value(hive.node_get_child(root, "Changed"), {"key": "v", "t": 1, "value": "new\0".encode("utf-16-le")})
hive.commit(None)
