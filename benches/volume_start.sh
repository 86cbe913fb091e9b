#!/usr/bin/env bash
# Measures what C: costs when Windows programs start: from the mount of nanoserver's C: until `cmd /c exit` has ended, with a fresh
# wineserver, where C: is a volume of wcifs and where it is overlayfs over the same layer. Wine, registry and files are a container's;
# around them is only a chroot, so that both can be mounted the same way. As a container does until its first program runs, all of it
# stays on one processor. Prints the Markdown of docs/benchmarks.md. Needs root:
#   benches/volume_start.sh [ROUNDS]      31 rounds by default; both take turns, and every other round goes backwards
#
# CASEMENT_BENCH_ROOT names the root with the runtime and the image (default: target/bench-root, built when missing).
set -euo pipefail
cd "$(dirname "$0")/.."
. benches/casement.sh
rounds=${1:-31}
built=$PWD/target/x86_64-unknown-linux-gnu/release
casement=$built/casement
root=${CASEMENT_BENCH_ROOT:-$PWD/target/bench-root}

in_own_mounts "$@"
cargo build --quiet --release --locked -p casement-wcifs --example serve --example overlayfs

work=$(mktemp -d "$(dirname "$root")/bench.XXXXXX")
export CASEMENT_ROOT=$root CASEMENT_RUN=$work/run
daemon=
clean_up() {
    [ -z "$daemon" ] || { kill "$daemon" && wait "$daemon" || true; } 2>/dev/null
    for tree in wcifs overlayfs; do
        umount -R "$work/$tree" 2>/dev/null || true
    done
    echo $$ >"${groups:-/sys/fs/cgroup}/cgroup.procs" 2>/dev/null || true
    rmdir "${groups:-}"/casement-bench-*-$$ 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT

say "runtime and image"
make_images
runtime=$(readlink -f "$root/runtimes/current")

say "a container's registry"
start_daemon
container=$("$casement" create nanoserver cmd)
cp -a "$root/scratches/$container/prefix" "$work/prefix"
layer=$(python3 - "$root" "$container" <<'PYTHON'
import json, sys
root, container = sys.argv[1:]
[identity] = json.load(open(f"{root}/scratches/{container}/scratch.json"))["diff_ids"]
print(f"{root}/layers/{identity.removeprefix('sha256:')}/Files")
PYTHON
)
"$casement" rm "$container" >/dev/null
kill "$daemon" && wait "$daemon" || true
daemon=
chown -R -h 0:0 "$work/prefix"

tree() { # name: a root with a prefix in which C: is to be mounted
    mkdir -p "$work/$1" "$work/$1.scratch/upper" "$work/$1.scratch/work"
    mount --bind "$runtime/tree" "$work/$1"
    mount -t proc proc "$work/$1/proc"
    mount -t tmpfs -o mode=0755 tmpfs "$work/$1/dev"
    mkdir "$work/$1/dev/shm"
    for device in null zero random urandom; do
        : >"$work/$1/dev/$device"
        mount --bind "/dev/$device" "$work/$1/dev/$device"
    done
    mount -t tmpfs tmpfs "$work/$1/tmp"
    mount -t tmpfs tmpfs "$work/$1/run"
    mount --bind "$work/prefix" "$work/$1/silo"
}
tree wcifs
tree overlayfs

flags=nosuid,nodev,noexec,noatime
# Processor time of all that runs for one C:, in a control group of version 2 or 1.
groups=/sys/fs/cgroup
[ -e "$groups/cgroup.controllers" ] || groups=/sys/fs/cgroup/cpuacct
mkdir "$groups/casement-bench-wcifs-$$" "$groups/casement-bench-overlayfs-$$"
busy() { # name: microseconds
    local group=$groups/casement-bench-$1-$$
    if [ -e "$group/cpuacct.usage" ]; then
        echo $(($(cat "$group/cpuacct.usage") / 1000))
    else
        awk '$1 == "usage_usec" { print $2 }' "$group/cpu.stat"
    fi
}

# Each says so once it is mounted; `helper` is its process.
helper=
mount_by() { # program word...
    exec {mounted}< <(exec "$built/examples/$1" "${@:2}")
    helper=$!
    read -r -u "$mounted" _
}
mount_wcifs() {
    mount_by serve "$work/wcifs/silo/drive_c" "$work/wcifs.scratch" 0 "$layer"
}
mount_overlayfs() {
    mount_by overlayfs "$work/overlayfs/silo/drive_c" "$work/overlayfs.scratch" "$layer"
}
in_tree() { # name program word...
    local tree=$1
    shift
    env -i PATH=/usr/lib/wine HOME=/tmp USER=ContainerAdministrator LANG=C.UTF-8 WINEDEBUG=-all WINEPREFIX=/silo WINELOADERNOEXEC=1 \
        WINELOADER=/usr/lib/wine/wine64 WINESERVER=/usr/lib/wine/wineserver64 /usr/sbin/chroot "$work/$tree" "$@"
}
start() { # name
    "mount_$1"
    local status=0
    in_tree "$1" /usr/lib/wine/wine64 'C:\windows\system32\cmd.exe' /c exit 7 || status=$?
    [ "$status" = 7 ]
}
end() { # name
    in_tree "$1" /usr/lib/wine/wineserver64 -k || true
    in_tree "$1" /usr/lib/wine/wineserver64 -w
    umount "$work/$1/silo/drive_c"
    wait "$helper" && exec {mounted}<&-
    rm -rf "$work/$1.scratch"
    mkdir -p "$work/$1.scratch/upper" "$work/$1.scratch/work"
}

say "$rounds rounds"
taskset --cpu-list --pid "$(taskset --cpu-list --pid $$ | sed 's/.*[ ,-]//')" $$ >/dev/null
for ((round = -2; round < rounds; round++)); do
    names=(wcifs overlayfs)
    [ $((round % 2)) = 0 ] || names=(overlayfs wcifs)
    for name in "${names[@]}"; do
        worked=$(busy "$name")
        echo $$ >"$groups/casement-bench-$name-$$/cgroup.procs"
        begun=${EPOCHREALTIME/./}
        start "$name" </dev/null >/dev/null 2>>"$work/errors" || { say "$name failed"; tail -n 3 "$work/errors" >&2; exit 1; }
        took=$((${EPOCHREALTIME/./} - begun))
        end "$name" </dev/null >/dev/null 2>&1
        echo "$took $(($(busy "$name") - worked))" >>"$work/$name.times"
    done
    # The first two rounds warm up.
    [ "$round" -ge 0 ] || rm "$work"/{wcifs,overlayfs}.times
done

python3 - "$work" <<'PYTHON'
import statistics, sys
read = lambda name: [[int(word) / 1000 for word in line.split()] for line in open(f"{sys.argv[1]}/{name}.times")]
ours, theirs = read("wcifs"), read("overlayfs")
print("| C: | median ms | fastest | slowest | processor ms, median |\n|---|---:|---:|---:|---:|")
for name, rounds in (("wcifs", ours), ("overlayfs", theirs)):
    times = [took for took, _ in rounds]
    worked = statistics.median(busy for _, busy in rounds)
    print(f"| {name} | {statistics.median(times):.0f} | {min(times):.0f} | {max(times):.0f} | {worked:.0f} |")
ratios = [statistics.median(a[what] / b[what] for a, b in zip(ours, theirs)) for what in (0, 1)]
print(f"\nRatio of a round, median of {len(ours)}: {ratios[0]:.2f}; of processor time, with the end of wineserver: {ratios[1]:.2f}."
      " Aim: at most 1.0.")
PYTHON
