#!/bin/sh
# First program of the board: load modules, mount the root that the command line names, move there.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
for m in $(cat /mod/order); do insmod /mod/$m.ko 2>/dev/null || echo "insmod $m failed" > /dev/kmsg; done
root=; fs=squashfs
for w in $(cat /proc/cmdline); do case $w in
  rootfstype=*) fs=${w#rootfstype=};;
  root=*) root=${w#root=};;
esac; done
i=0; while [ ! -b "$root" ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done
mount -t $fs -o ro "$root" /mnt || { echo "no root file system on $root" > /dev/kmsg; reboot -f; }
mount -o move /dev /mnt/dev; mount -o move /sys /mnt/sys; mount -o move /proc /mnt/proc
exec switch_root /mnt /sbin/init
