#!/usr/bin/env bash
# Measures docker run, exec, ps and inspect against Casement and, in the same rounds, against Debian's dockerd with Linux containers.
# Prints the Markdown of docs/benchmarks.md. Needs root, python3, the docker command and a Debian archive:
#   benches/api.sh [ROUNDS]        21 rounds by default; all commands take turns in every round, with a pause after each
#
# See benches/daemons.sh for what it needs and makes.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-21}
. benches/daemons.sh

say "Wine as an image of Linux"
# The same Wine 10.0 with its own wineboot, in a prefix that it made, as in benches/start.sh.
runtime=$(readlink -f "$root/runtimes/current")
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
changes=()
for variable in PATH=/usr/lib/wine HOME=/tmp USER=ContainerAdministrator LANG=C.UTF-8 WINEDEBUG=-all WINEPREFIX=/silo \
    WINELOADER=/usr/lib/wine/wine64 WINESERVER=/usr/lib/wine/wineserver64; do
    changes+=(--change "ENV $variable")
done
tar -C "$stock" -c . | docker -H "$theirs" import "${changes[@]}" --change "USER 1000:1000" - wine >/dev/null

say "containers that wait"
docker -H "$ours" run -d -i --network none --name held nanoserver cmd >/dev/null
docker -H "$theirs" run -d --network none --name held busybox sleep 100000 >/dev/null
docker -H "$theirs" run -d -i --network none --name wine wine /usr/lib/wine/wine64 cmd >/dev/null

say "$rounds rounds"
python3 - "$ours" "$theirs" "$rounds" <<'PYTHON'
import socket, statistics, subprocess, sys, time

PAUSE = 0.25  # seconds

ours, theirs, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
wine = ["/usr/lib/wine/wine64", "cmd", "/c", "exit 0"]
windows = ["cmd", "/c", "exit 0"]
rows = [
    ("run", "`run --rm`", "Casement, `cmd /c exit 0`", ours, ["run", "--rm", "--network", "none", "nanoserver", *windows]),
    ("run", "`run --rm`", "dockerd, busybox `true`", theirs, ["run", "--rm", "--network", "none", "busybox", "true"]),
    ("run", "`run --rm`", "dockerd, the same Wine", theirs, ["run", "--rm", "--network", "none", "wine", *wine]),
    ("exec", "`exec`", "Casement, `cmd /c exit 0`", ours, ["exec", "held", *windows]),
    ("exec", "`exec`", "dockerd, busybox `true`", theirs, ["exec", "held", "true"]),
    ("exec", "`exec`", "dockerd, the same Wine", theirs, ["exec", "wine", *wine]),
    ("ps", "`ps -q`", "Casement", ours, ["ps", "-q"]),
    ("ps", "`ps -q`", "dockerd", theirs, ["ps", "-q"]),
    ("inspect", "`inspect`", "Casement", ours, ["inspect", "held"]),
    ("inspect", "`inspect`", "dockerd", theirs, ["inspect", "held"]),
]
# Without the command, whose own start is nearly all of ps and inspect: the same request over a connection of its own.
asked = {"ps": "/v1.41/containers/json", "inspect": "/v1.41/containers/held/json"}
aims = {"run": 1.0, "exec": 0.8, "ps": 1.0, "inspect": 1.0}

def ask(host, path):
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.connect(host.removeprefix("unix://"))
        daemon.sendall(f"GET {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: daemon.recv(65536), b""))
    if b" 200 " not in answer[:16]:
        sys.exit(f"{path}: {answer[:200]}")

times = [[] for _ in rows]
answers = {kind: {ours: [], theirs: []} for kind in asked}
for round in range(-2, rounds):  # The first two rounds warm up.
    # Every other round goes backwards, so that nobody always comes after the same neighbour.
    order = list(enumerate(rows))
    # What takes a few milliseconds is asked more often: one wait for a processor is as long.
    quick = [entry for entry in order if entry[1][0] in asked]
    for repeat in range(4):
        order += quick[:: 1 if repeat % 2 else -1]
    order = order[:: 1 if round % 2 else -1]
    for row, (kind, _, _, host, words) in order:
        start = time.perf_counter()
        done = subprocess.run(["docker", "-H", host, *words], stdin=subprocess.DEVNULL, capture_output=True)
        elapsed = time.perf_counter() - start
        time.sleep(PAUSE)  # What a daemon still does after its answer is nobody else's time.
        if done.returncode:
            sys.exit(f"{words}: {done.returncode}: {done.stderr.decode()}{done.stdout.decode()}")
        if round >= 0:
            times[row].append(elapsed * 1000)
            if kind in asked:
                start = time.perf_counter()
                ask(host, asked[kind])
                answers[kind][host].append((time.perf_counter() - start) * 1000)
median = [statistics.median(values) for values in times]
base = {}
for row, entry in zip(median, rows):
    base.setdefault(entry[0], row)
print("| Command | Against | median ms | fastest | slowest | Casement's median to it |")
print("|---|---|---:|---:|---:|---:|")
for middle, values, (kind, command, against, _, _) in zip(median, times, rows):
    print(f"| {command} | {against} | {middle:.0f} | {min(values):.0f} | {max(values):.0f} | {base[kind] / middle:.2f} |")
print()
for kind, aim in aims.items():
    first = next(index for index, row in enumerate(rows) if row[0] == kind)
    ratio = median[first] / median[first + 1]
    print(f"- {kind}: {ratio:.2f} of dockerd, aim at most {aim:.1f}: {'reached' if ratio <= aim else 'missed'}")
for kind, by_host in answers.items():
    own, other = (statistics.median(by_host[host]) for host in (ours, theirs))
    print(f"- {kind} without the command, a request over a connection of its own: {own:.2f} of {other:.2f} ms ({own / other:.2f})")
print(f"\n{rounds} rounds.")
PYTHON
