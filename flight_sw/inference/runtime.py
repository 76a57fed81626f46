"""The two things every use of onnxruntime here shares: how it fails, and quiet single-threaded
options.
"""

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as _state

# onnxruntime's exceptions share no base class but Exception.
RUNTIME_ERRORS: tuple[type[Exception], ...] = (
    _state.EPFail,
    _state.EngineError,
    _state.Fail,
    _state.InvalidArgument,
    _state.InvalidGraph,
    _state.InvalidProtobuf,
    _state.NoModel,
    _state.NoSuchFile,
    _state.NotImplemented,
    _state.RuntimeException,
    MemoryError,
    RuntimeError,
    ValueError,
)
_ONLY_ERRORS = 3  # log severity: the warnings about saved optimised graphs are no news here


def session_options(level: ort.GraphOptimizationLevel) -> ort.SessionOptions:
    """One thread (spinning threads are slower on small shared computers) and no chatter."""
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ONLY_ERRORS
    return options


def one_line(error: Exception) -> str:
    """onnxruntime's multi-line messages on one line of bounded length."""
    return " ".join(str(error).split())[:300]
