#!/bin/sh
# Runs a program as a container of a restricted pod is run: ROOT is the image, read-only; mounts are as given; the user is
# nobody special, without capabilities and without a way to get any. Started in mount and network namespaces of its own:
#
#   unshare --mount --net contained.sh ROOT UID:GID [FOLDER:PATH:ro|rw]... -- PROGRAM [ARGS]...
set -eu
root=$1
user=$2
shift 2
ip link set lo up
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
    inside=${1#*:}
    path=$root${inside%:*}
    mkdir -p "$path"
    mount --bind "${1%%:*}" "$path"
    [ "${inside##*:}" = rw ] || mount -o remount,bind,ro "$path"
    shift
done
shift
for system in proc dev; do
    mkdir -p "$root/$system"
    mount --rbind "/$system" "$root/$system"
done
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \
    chroot --userspec="$user" --groups="${user#*:}" "$root" "$@"
