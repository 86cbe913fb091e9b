"""Lists a hive as hivex reads it: a line for each key and each value, all text in UTF-8 as hexadecimal digits."""
import sys

import hivex

sys.setrecursionlimit(5000)


def text(string):
    return (string or "").encode("utf-8", "surrogatepass").hex()


def keys(hive, node, path):
    print("key", text(path), hive.node_timestamp(node))
    for value in hive.node_values(node):
        kind, data = hive.value_value(value)
        print("value", text(path + "\\:" + hive.value_key(value)), kind & 0xFFFFFFFF, data.hex())
    for child in hive.node_children(node):
        keys(hive, child, path + "\\" + hive.node_name(child))


hive = hivex.Hivex(sys.argv[1])
keys(hive, hive.root(), "")
