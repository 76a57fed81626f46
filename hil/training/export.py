"""From a trained torch module to the two files that ship: an ONNX graph and its model card."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx
import torch
import yaml

OPSET = 17


@dataclass(frozen=True, slots=True)
class Card:
    """What a user must know before trusting a model; written beside the ONNX file as YAML."""

    name: str
    purpose: str
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    threshold: float
    data: str
    training_command: str
    metrics: dict[str, Any]
    baseline: dict[str, Any]
    limits: str


def export_onnx(
    model: torch.nn.Module, example: torch.Tensor, path: Path, names: tuple[str, str]
) -> Path:
    """Export with fixed shapes and batch 1, opset 17; `names` of the input and the output.

    The older exporter is used on purpose: it needs no further package and its graph is small.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        model,
        (example,),
        str(path),
        input_names=[names[0]],
        output_names=[names[1]],
        opset_version=OPSET,
        dynamo=False,
    )
    proto = onnx.load(str(path))
    del proto.metadata_props[:]
    proto.doc_string = ""
    for node in proto.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString(deterministic=True))
    return path


def write_card(path: Path, card: Card) -> None:
    """Write the card as YAML in the order of its fields."""
    path.write_text(yaml.safe_dump(asdict(card), sort_keys=False, width=100, allow_unicode=True))
