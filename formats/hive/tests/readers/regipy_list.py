"""Lists the keys and values of a hive as regipy reads it, after replaying logs if there are any: HIVE [LOG1 [LOG2]]."""
import sys

from regipy.recovery import apply_transaction_logs
from regipy.registry import RegistryHive

path = sys.argv[1]
if len(sys.argv) > 2:
    recovered = path + ".recovered"
    apply_transaction_logs(path, *sys.argv[2:], restored_hive_path=recovered)
    path = recovered


def keys(key, path):
    print("key", path.encode("utf-8", "surrogatepass").hex(), key.header.last_modified)
    for value in key.iter_values(trim_values=False) if key.values_count else ():
        name = "" if value.name == "(default)" else value.name
        print("value", (path + "\\:" + name).encode("utf-8", "surrogatepass").hex(), value.value_type)
    for child in key.iter_subkeys() if key.subkey_count else ():
        keys(child, path + "\\" + child.name)


keys(RegistryHive(path).root, "")
