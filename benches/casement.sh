# Sourced by the benches: the runtime, the image and the daemon that they measure. Wants `casement` (the program), `work` (a directory that
# goes at the end), and CASEMENT_ROOT and CASEMENT_RUN in the environment.

say() { printf '==> %s\n' "$*" >&2; }

# Goes on as root, with the programs built, in a mount namespace: every mount made there ends with it. Wants the arguments of the bench.
in_own_mounts() {
    if [ "$(id -u)" != 0 ]; then
        echo "$0: run this as root" >&2
        exit 1
    fi
    if [ -z "${CASEMENT_BENCH_MOUNTS:-}" ]; then
        scripts/build >/dev/null
        CASEMENT_BENCH_MOUNTS=private exec unshare --mount --propagation private "$0" "$@"
    fi
}

# Builds what is missing of the runtime and of nanoserver.
make_images() {
    "$casement" runtime build >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    "$casement" base build nanoserver --tag ltsc2022 >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
}

# Starts the daemon in a network of its own and waits until it answers; its process id is in `daemon`.
start_daemon() {
    unshare --net "$casement" daemon 2>"$work/daemon.log" &
    daemon=$!
    until "$casement" ps >/dev/null 2>&1; do
        kill -0 "$daemon" 2>/dev/null || { cat "$work/daemon.log" >&2; exit 1; }
        sleep 0.02
    done
}
