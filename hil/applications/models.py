"""Finds a model by name or file, and reads the card beside it."""

from pathlib import Path
from typing import Any

import msgspec

import flight_sw
from flight_sw.errors import ModelError
from flight_sw.inference.text_compile import is_text_model

MODELS_DIR = Path(flight_sw.__file__).parent / "models"
# What the slots of an emulated board hold from 1 on, unless somebody says otherwise.
SLOT_MODELS = ("hotspot", "telemetry-anomaly")
TEXT_MODEL = "telemetry-text"  # the folder of the shipped language model


class InputMeaning(msgspec.Struct, frozen=True):
    """One input as the card describes it; `columns` name the features of a table row."""

    name: str
    shape: list[int]
    dtype: str
    meaning: str
    columns: list[str] = []


class ModelCard(msgspec.Struct, frozen=True):
    """What the card of a model says that programs use, and the rest for people."""

    name: str
    purpose: str
    inputs: list[InputMeaning]
    outputs: list[InputMeaning]
    threshold: float
    metrics: dict[str, Any] = {}
    baseline: dict[str, Any] = {}
    data: str = ""
    training_command: str = ""
    limits: str = ""


def shipped_models() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(path.stem for path in MODELS_DIR.glob("*.onnx"))


def find_model(name_or_file: str) -> Path:
    """The ONNX file of a shipped model's name, or the file itself; ModelError tells the names.

    Of a language model, the folder with its model.onnx and tokenizer.json.
    """
    if name_or_file in shipped_models():
        return MODELS_DIR / f"{name_or_file}.onnx"
    path = MODELS_DIR / TEXT_MODEL if name_or_file == TEXT_MODEL else Path(name_or_file)
    if path.is_file() or is_text_model(path):
        return path
    names = ", ".join([*shipped_models(), TEXT_MODEL])
    raise ModelError(
        f"{name_or_file}: no such model or file; give an .onnx file or one of: {names}"
    )


def read_card(model_path: Path) -> ModelCard | None:
    """The card `<model>.yaml` beside the model; None if there is none, ModelError if it is bad."""
    path = model_path.with_suffix(".yaml")
    if not path.is_file():
        return None
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=ModelCard)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not a model card: {error}") from error
