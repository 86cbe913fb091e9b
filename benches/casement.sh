# Sourced by the benches: the runtime, the image and the daemon that they measure. Wants `casement` (the program), `work` (a directory that
# goes at the end), and CASEMENT_ROOT and CASEMENT_RUN in the environment.

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
