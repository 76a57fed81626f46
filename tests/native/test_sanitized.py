"""The C tests under AddressSanitizer and UndefinedBehaviorSanitizer, warnings as errors."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[2] / "native"
needs_tools = pytest.mark.skipif(
    not (shutil.which("cmake") and shutil.which("ctest") and shutil.which("cc")),
    reason="needs cmake and a C compiler: apt install cmake gcc",
)


@needs_tools
def test_c_tests_pass_under_sanitizers(tmp_path):
    """ctest is green with ASan, UBSan, -Wall -Wextra -Wconversion -Werror, on every level."""
    configure = [
        "cmake",
        "-S",
        str(NATIVE),
        "-B",
        str(tmp_path),
        "-DVANALLEN_SANITIZE=ON",
        "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
        f"-DPython_EXECUTABLE={sys.executable}",
    ]
    for command in (
        configure,
        ["cmake", "--build", str(tmp_path), "-j2"],
        ["ctest", "--test-dir", str(tmp_path), "--output-on-failure"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
