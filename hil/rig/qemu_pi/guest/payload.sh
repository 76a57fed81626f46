# What the board is for: the node, or, where models were left for compiling, the compiler.
# The node makes a leaf for itself; after that processes may live in leaves alone.
leaf=/sys/fs/cgroup/payload/node; [ -d $leaf ] || leaf=/sys/fs/cgroup/payload
echo $$ > $leaf/cgroup.procs
if [ -d /data/compile ]; then
  /usr/bin/python3 /opt/vanallen/compile.py > /data/compile/log 2>&1
  sync; /bin/busybox poweroff -f
fi
exec /usr/bin/python3 -m flight_sw node --profile /data/profile.yaml --port /dev/ttyAMA0 \
  --models /data/models > /dev/ttyS1 2>&1   # the console, where the rig reads it
