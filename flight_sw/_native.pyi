# The compiled protection core as cffi presents it; flight_sw/radiation/native.py is its only caller.

from typing import Any

ffi: Any
lib: Any
