# To be sourced with the path of the package `moothall` as the first argument: makes a copy of this system that is gone afterwards
# (overlayfs in memory) with nothing but a loopback network, with it and `moothall-recorder`, which lies beside it, in /tmp. It needs root.
#
# After it: $root, $log, `install`, `install_recorder`, and `check`, which counts into $passed and $failed.
set -u
deb=$(realpath "$1")
if [ "$(id -u)" != 0 ]; then exec sudo "$0" "$deb"; fi
if [ "${MOOTHALL_COPY:-}" != 1 ]; then
    MOOTHALL_COPY=1 exec unshare --mount --net --propagation private "$0" "$deb"
fi

passed=0 failed=0
check() { # SENTENCE COMMAND...
    sentence=$1
    shift
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "not so: $sentence"
        sed 's/^/    /' "$log"
    fi
}

ip link set lo up
# Nothing outside sees this mount, and it goes with the last process that does.
mount -t tmpfs tmpfs /mnt
mkdir /mnt/changes /mnt/scratch /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/changes,workdir=/mnt/scratch /mnt/root || exit 1
root=/mnt/root
log=/mnt/log
mount -t tmpfs tmpfs $root/tmp
recorder=$(dirname "$deb")/$(basename "$deb" | sed 's/^moothall_/moothall-recorder_/')
cp "$deb" $root/tmp/moothall.deb
cp "$recorder" $root/tmp/moothall-recorder.deb
install() { chroot $root env DEBIAN_FRONTEND=noninteractive dpkg --install /tmp/moothall.deb; }
install_recorder() { chroot $root env DEBIAN_FRONTEND=noninteractive dpkg --install /tmp/moothall-recorder.deb; }
