"""What flies: the payload controller and the node on the board. Never imports hil or tests."""

import os

# From release 1.29 on, onnxruntime sends usage data to its makers and keeps an identifier of the device
# on disk, unless this stands before it is loaded (its docs/Privacy.md). No payload calls home.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
