"""Compiles the models in /data/compile for this very processor, and leaves them beside the sources."""

from pathlib import Path

from flight_sw.errors import ModelError
from flight_sw.inference.compile import compile_model
from flight_sw.radiation.native import crc32c

FOLDER = Path("/data/compile")

for source in sorted(FOLDER.glob("*/*.onnx")):
    try:
        compile_model(source, source.parent / "out", crc32c)
    except ModelError as error:
        (source.parent / "error").write_text(f"{error}\n")
