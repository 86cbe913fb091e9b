# Runs Wine's own wineboot once, in namespaces of its own, to make the prefix that base images are cut from.
# Arguments: the runtime tree, an empty directory for the prefix, Wine's own files
# that the tree has replaced, a free user id, a processor.
# unshare(1) runs this with private mount, pid, network, ipc, uts and cgroup namespaces; no mount leaves them.
set -eu
tree=$1 prefix=$2 stock=$3 id=$4 processor=$5
windows=$tree/usr/lib/x86_64-linux-gnu/wine/x86_64-windows

mount --bind "$tree" "$tree"
# Wine's full wineboot over the small one that containers start with.
for file in "$stock"/*; do
    mount --bind "$file" "$windows/${file##*/}"
done
mount --bind "$prefix" "$tree/silo"
mount -t proc -o nosuid,nodev,noexec proc "$tree/proc"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$tree/sys"
mount -t tmpfs -o nosuid,nodev,noexec,mode=1777,size=64m tmpfs "$tree/tmp"
mount -t tmpfs -o nosuid,noexec,mode=0755,size=64k tmpfs "$tree/dev"
mkdir "$tree/dev/shm"
for device in null zero random urandom; do
    : > "$tree/dev/$device"
    mount --bind "/dev/$device" "$tree/dev/$device"
done
mount -o remount,bind,ro,nosuid,nodev "$tree"
echo localhost > /proc/sys/kernel/hostname

# TMPDIR stays unset: with it, Debian's Wine 10.0 aborts ("free(): invalid pointer") when it names its server directory.
# A fault in Wine's graphics code can start programs without end, hence the limit on processes.
in_tree() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 USER=ContainerAdministrator \
        WINEDEBUG=-all WINEPREFIX=/silo WINELOADER=/usr/lib/wine/wine64 WINESERVER=/usr/lib/wine/wineserver64 \
        WINEDLLOVERRIDES='mscoree,mshtml=;winemenubuilder.exe=d' \
        prlimit --nproc=256:256 --core=0:0 -- taskset -c "$processor" setpriv --no-new-privs -- \
        unshare --root="$tree" --wd=/ --setgid="$id" --setuid="$id" -- "$@"
}

chown "$id:$id" "$prefix"
in_tree /usr/lib/wine/wine64 wineboot.exe --init
# The registry is written when wineserver ends.
in_tree /usr/lib/wine/wineserver64 -k
in_tree /usr/lib/wine/wineserver64 -w
