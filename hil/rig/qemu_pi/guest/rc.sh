# Once per boot, before anything of ours: file systems, a cgroup to throttle by, the boot's number.
b=/bin/busybox
$b mount -t tmpfs tmpfs /tmp; $b mount -t tmpfs tmpfs /run
$b mkdir -p /dev/pts /dev/shm /run/vanallen
$b mount -t devpts devpts /dev/pts; $b mount -t tmpfs tmpfs /dev/shm
$b mount -t cgroup2 none /sys/fs/cgroup
echo +cpu > /sys/fs/cgroup/cgroup.subtree_control
$b mkdir -p /sys/fs/cgroup/payload
$b mount -t ext4 -o rw,noatime /dev/mmcblk0p4 /data || echo "no data partition" > /dev/kmsg
n=$($b cat /data/boots 2>/dev/null || echo 0); n=$((n+1))
echo $n > /data/boots.new && $b mv /data/boots.new /data/boots
echo $n > /run/vanallen/boots
$b hostname vanallen-pi
echo "board: up $($b cut -d' ' -f1 /proc/uptime) s, boot $n" > /dev/kmsg
