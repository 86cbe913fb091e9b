#!/usr/bin/env bash
# Measures how long it takes to start a container, beside bare Wine and runc, and what an idle container costs in memory.
# Prints the Markdown of docs/benchmarks.md. Needs root, runc and a C compiler:
#   benches/start.sh [ROUNDS]      31 rounds by default; the four commands take turns in every round
#
# CASEMENT_BENCH_ROOT names the root with the runtime and the image (default: target/bench-root, built when missing).
set -euo pipefail
cd "$(dirname "$0")/.."
. benches/casement.sh
rounds=${1:-31}
casement=$PWD/target/x86_64-unknown-linux-gnu/release/casement
root=${CASEMENT_BENCH_ROOT:-$PWD/target/bench-root}

in_own_mounts "$@"

work=$(mktemp -d "$(dirname "$root")/bench.XXXXXX")
export CASEMENT_ROOT=$root CASEMENT_RUN=$work/run
daemon=
clean_up() {
    [ -z "$daemon" ] || { kill "$daemon" && wait "$daemon" || true; } 2>/dev/null
    umount -R "$work/stock/proc" "$work/stock/dev" 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT

say "runtime and image"
make_images
runtime=$(readlink -f "$root/runtimes/current")

# Stock Wine: the same Wine 10.0 with its own wineboot, in the prefix that this wineboot made from Wine's own wine.inf.
# The libraries, the stripped Windows files and the freetype that has no fonts are the runtime's. Paths, user and
# environment are those of a container's.
say "stock Wine's tree and prefix"
stock=$work/stock
cp -al "$runtime/tree" "$stock"
for file in "$runtime"/build/*; do
    cp --remove-destination "$file" "$stock/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/"
done
rmdir "$stock/silo"
prefix=$(find "$root/cache/prefixes" -maxdepth 2 -name system.reg -printf '%h\n' | head -n 1)
cp -a "$prefix" "$stock/silo"
rm -f "$stock/silo/wineserver"
printf disable >"$stock/silo/.update-timestamp"
chown -R 1000:1000 "$stock/silo"
rm -rf "$stock/tmp" && mkdir -m 1777 "$stock/tmp"
# The same for runc, which mounts its own /dev and /proc.
mkdir -p "$work/wine" "$work/true/rootfs"
cp -a --link "$stock" "$work/wine/rootfs"
rm -rf "$work/wine/rootfs/silo" && cp -a "$stock/silo" "$work/wine/rootfs/silo"
mount -t proc proc "$stock/proc"
mount -t tmpfs -o mode=0755 tmpfs "$stock/dev"
mkdir "$stock/dev/shm"
for device in null zero random urandom; do
    : >"$stock/dev/$device"
    mount --bind "/dev/$device" "$stock/dev/$device"
done

environment=(PATH=/usr/lib/wine HOME=/tmp USER=ContainerAdministrator LANG=C.UTF-8 WINEDEBUG=-all WINEPREFIX=/silo
    WINELOADER=/usr/lib/wine/wine64 WINESERVER=/usr/lib/wine/wineserver64)
printf 'int main(void) { return 0; }\n' | gcc -static -O2 -x c - -o "$work/true/rootfs/true"

bundle() { # directory word...
    local directory=$1
    shift
    runc spec --bundle "$directory"
    python3 - "$directory/config.json" "${#environment[@]}" "${environment[@]}" "$@" <<'PYTHON'
import json, sys
path, count, words = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
with open(path) as file:
    spec = json.load(file)
spec["process"].update(terminal=False, env=words[:count], args=words[count:], user={"uid": 1000, "gid": 1000})
spec["root"]["readonly"] = False
with open(path, "w") as file:
    json.dump(spec, file)
PYTHON
}
bundle "$work/true" /true
bundle "$work/wine" /usr/lib/wine/wine64 cmd /c exit 0

chroot=$(command -v chroot)
say "daemon"
start_daemon

in_stock() { env -i "${environment[@]}" "$chroot" --userspec=1000:1000 "$stock" "$@"; }
casement_run() { "$casement" run --rm nanoserver cmd /c exit 0; }
bare_wine() { in_stock /usr/lib/wine/wine64 cmd /c exit 0; }
# What a bare Wine leaves running; not measured.
end_wineserver() { in_stock /usr/lib/wine/wineserver64 -k || true; in_stock /usr/lib/wine/wineserver64 -w; }
runc_wine() { runc --root "$work/runc" run --bundle "$work/wine" "bench-wine-$$"; }
runc_true() { runc --root "$work/runc" run --bundle "$work/true" "bench-true-$$"; }

measure() { # name: appends microseconds to a file of that name
    local start=${EPOCHREALTIME/./}
    "$1" </dev/null >/dev/null 2>>"$work/errors" || { say "$1 failed"; tail -n 3 "$work/errors" >&2; exit 1; }
    echo $((${EPOCHREALTIME/./} - start)) >>"$work/$1"
}
say "$rounds rounds"
for ((round = -2; round < rounds; round++)); do
    for name in casement_run bare_wine runc_wine runc_true; do
        measure "$name"
        [ "$name" != bare_wine ] || end_wineserver
    done
    # The first two rounds warm up.
    [ "$round" -ge 0 ] || rm "$work"/{casement_run,bare_wine,runc_wine,runc_true}
done

say "memory of an idle container"
container=$("$casement" run -d -i nanoserver cmd)
until "$casement" logs "$container" | grep -q 'Microsoft Windows'; do sleep 0.05; done
pids=$(pgrep -f "silo-host .*$container")
next=$pids
while next=$(pgrep -P "$(echo $next | tr ' ' ,)"); do pids="$pids $next"; done
for pid in $pids; do
    anonymous=$(awk '$1 == "Pss_Anon:" { print $2 }' "/proc/$pid/smaps_rollup")
    name=$(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c1-200)
    printf '%s\t%s\n' "$anonymous" "$name" >>"$work/memory"
done
"$casement" rm -f "$container" >/dev/null

python3 - "$work" "$rounds" <<'PYTHON'
import statistics, sys
work, rounds = sys.argv[1:]
rows = [
    ("casement_run", "`casement run --rm nanoserver cmd /c exit 0`"),
    ("bare_wine", "bare stock Wine 10.0, fresh wineserver: `wine cmd /c exit 0`"),
    ("runc_wine", "the same Wine in a container: `runc run`"),
    ("runc_true", "`runc run` of a static `/bin/true`"),
]
times = {name: sorted(int(line) / 1000 for line in open(f"{work}/{name}")) for name, _ in rows}
median = {name: statistics.median(values) for name, values in times.items()}
ours = median["casement_run"]
print("| What | median ms | fastest | slowest | Casement's median to it |")
print("|---|---:|---:|---:|---:|")
for name, title in rows:
    values = times[name]
    print(f"| {title} | {median[name]:.0f} | {values[0]:.0f} | {values[-1]:.0f} | {ours / median[name]:.2f} |")
limit = 3 * median["runc_true"] + 60
print(f"\nAims: at most 0.35 of bare Wine ({ours / median['bare_wine']:.2f}), and at most three times `runc run` plus"
      f" 60 ms ({ours:.0f} of {limit:.0f} ms). {rounds} rounds.")
print("\n| Idle container, anonymous memory | KiB |\n|---|---:|")
total = 0
for line in open(f"{work}/memory"):
    size, name = line.rstrip("\n").split("\t")
    total += int(size)
    name = "casement silo-host" if "silo-host" in name else name.strip()
    print(f"| `{name}` | {size} |")
print(f"| all | {total} ({total / 1024:.1f} MiB) |")
PYTHON
