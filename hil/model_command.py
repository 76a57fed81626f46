"""`vanallen model`: compile, prove, show and upload ONNX models, by shipped name or by file."""

import json
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from flight_sw.errors import ModelError
from hil.desk import Board, Json, read_keys

CALIBRATION_MAX = 256  # more inputs move the bounds hardly at all

model_app = typer.Typer(help="Compile, prove, show and upload ONNX models.", no_args_is_help=True)

DEFAULT_SPACE = "tcp://127.0.0.1:5540"
Calibrate = Annotated[
    Path | None,
    typer.Option(help="Folder of typical inputs: adds the guarded graphs of `standard`, `high`."),
]
Vote = Annotated[bool, typer.Option("--vote", help="Map three copies, for `vote`.")]
Model = Annotated[
    str,
    typer.Argument(help="Shipped model, .onnx file, or folder with model.onnx, tokenizer.json."),
]


@model_app.command("compile")
def compile_command(
    model: Model,
    out: Annotated[Path | None, typer.Option(help="Folder to make; else NAME.compiled.")] = None,
    calibrate: Calibrate = None,
    vote: Vote = False,
    device: Annotated[
        bool, typer.Option("--device", help="For a board with inference.provider: cuda.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compile a model for this machine, with guards where calibration inputs are given."""
    from flight_sw.inference.bundle import Guarding
    from flight_sw.inference.compiled import compile_bundle
    from flight_sw.radiation.native import crc32c
    from hil.applications.models import find_model
    from hil.model_proof import prove_compiled

    source = find_model(model)
    target = out or Path(f"{source.stem}.compiled")
    _check_target(target)
    if device:
        if calibrate or vote:
            raise ModelError("--device: nothing is protected there; leave --calibrate and --vote")
        _compile_for_device(source, target, as_json=as_json)
        return
    inputs = _calibration(source, calibrate) if calibrate else ()
    guarding = Guarding(inputs, is_voted=vote)
    manifest, report = compile_bundle(source, target, crc32c, guarding)
    proofs = prove_compiled(target, source)
    if as_json:
        figures: dict[str, Any] = {
            "folder": str(target),
            "digest": manifest.digest.hex(),
            "guards": None if report is None else msgspec.to_builtins(report),
            "proofs": msgspec.to_builtins(proofs),
        }
        typer.echo(json.dumps(figures))
        return
    typer.echo(f"{target}: {manifest.total_bytes} bytes of weights, {manifest.onnxruntime}")
    for proof in proofs:
        typer.echo(f"  {proof.summary()}")
    if report is not None:
        words = f"{len(report.clipped)} activations clipped, {len(report.checked)} layers summed"
        skipped = f"; not summed: {', '.join(report.skipped)}" if report.skipped else ""
        typer.echo(f"  guards: {words}{skipped}")


@model_app.command("prove")
def prove_command(model: Model, as_json: Json = False) -> None:
    """Show how much of a model's weights is proven live here; 1 if too little for protection."""
    from hil.applications.models import find_model
    from hil.model_proof import prove_model

    proofs = prove_model(find_model(model))
    for proof in proofs:
        typer.echo(json.dumps(msgspec.to_builtins(proof)) if as_json else proof.summary())
    raise typer.Exit(0 if all(p.protectable and p.is_same_as_default for p in proofs) else 1)


@model_app.command("show")
def show_command(model: Model, as_json: Json = False) -> None:
    """Show what a model takes and gives, its operators, and its card."""
    from flight_sw.inference.compiled import find_cached
    from flight_sw.inference.text_compile import describe
    from hil.applications.models import find_model, read_card
    from hil.model_proof import ROUTE_WORDS
    from hil.places import model_cache

    source = find_model(model)
    found, card = describe(source), read_card(source)
    compiled = find_cached(source, model_cache())
    if as_json:
        facts = {**msgspec.to_builtins(found, enc_hook=str), "card": msgspec.to_builtins(card)}
        facts["route"] = compiled.route.value if compiled else None
        typer.echo(json.dumps(facts))
        return
    typer.echo(f"{source}\n  SHA-256 {found.sha256}")
    for role, specs in (("takes", found.inputs), ("gives", found.outputs)):
        for spec in specs:
            typer.echo(f"  {role:<6} {spec.name} {spec.dtype} {' x '.join(map(str, spec.shape))}")
    operators = ", ".join(f"{name} {count}" for name, count in found.operators.items())
    typer.echo(f"  {found.weight_bytes} bytes of weights, opset {found.opset}: {operators}")
    route = ROUTE_WORDS[compiled.route] if compiled else "not compiled yet; `model prove` does"
    typer.echo(f"  on this machine: {route}")
    if card is not None:
        typer.echo(f"  {card.purpose}\n  threshold {card.threshold}; card: {card.training_command}")


@model_app.command("mask")
def mask_command(
    photo: Annotated[Path, typer.Argument(help="Photograph from orbit: PNG, TIFF or JPEG.")],
    out: Annotated[Path, typer.Option(help="Picture to make, PNG.")] = Path("cloud-mask.png"),
    as_json: Json = False,
) -> None:
    """Show a photograph's clouds: as it is, by cloud-mask, and by the brightness threshold."""
    from hil.mask_picture import draw

    shares = draw(photo, out)
    if as_json:
        typer.echo(json.dumps({"picture": str(out), "cloud_share": shares}))
        return
    words = ", ".join(f"{name.replace('_', ' ')} {share:.1%}" for name, share in shares.items())
    typer.echo(f"{out}: cloud in the frame: {words}")


@model_app.command("pack")
def pack_command(
    model: Model,
    out: Annotated[Path | None, typer.Option(help="File to make; else NAME.update.")] = None,
    calibrate: Calibrate = None,
    vote: Vote = False,
) -> None:
    """Compile a model into one update file for boards with this machine's kind of processor."""
    from flight_sw.inference.bundle import Guarding
    from hil.applications.models import find_model
    from hil.model_upload import SUFFIX, pack_model

    source = find_model(model)
    target = out or Path(f"{source.stem}{SUFFIX}")
    if target.exists():
        raise ModelError(f"{target}: exists; name another file with --out")
    inputs = _calibration(source, calibrate) if calibrate else ()
    data = pack_model(source, Guarding(inputs, is_voted=vote))
    target.write_bytes(data)
    typer.echo(f"{target}: {len(data)} bytes")


@model_app.command("upload")
def upload_command(
    model: Annotated[
        str, typer.Argument(help="Shipped model, .onnx file, or packed .update file.")
    ],
    slot: Annotated[int, typer.Option(help="Model slot of the board, 1 to 16.")],
    file: Annotated[int, typer.Option(help="Empty file slot to send it through, 1 to 8.")] = 8,
    within: Annotated[
        float, typer.Option(min=10, max=604_800, help="Seconds on trial before it is undone.")
    ] = 300.0,
    keep: Annotated[
        bool, typer.Option(help="Confirm it as soon as it serves; else send confirm-model.")
    ] = True,
    calibrate: Calibrate = None,
    vote: Vote = False,
    space: Annotated[str, typer.Option(help="Space link, as of `send`.")] = DEFAULT_SPACE,
    board: Board = "emulated",
    keys: Annotated[Path | None, typer.Option(help="Key file, as of `send`.")] = None,
    state: Annotated[Path | None, typer.Option(help="Ground counters, as of `send`.")] = None,
    as_json: Json = False,
) -> None:
    """Bring a model to the board in flight: sent, tried there on a known input, kept or undone."""
    from flight_sw.inference.bundle import Guarding
    from hil import board_files, places
    from hil.applications.models import find_model
    from hil.ground.client import Ground
    from hil.model_upload import Upload, check_slots, read_update, upload

    check_slots(slot, file)
    inputs = _calibration(find_model(model), calibrate) if calibrate else ()
    data = read_update(model, Guarding(inputs, is_voted=vote))
    found = read_keys(keys or places.key_file())
    profile = board_files.read_board(board)
    lines: list[str] = []
    say = lines.append if as_json else typer.echo
    with Ground(space, found, state or places.ground_state(), profile) as ground:
        upload(ground, data, Upload(slot, file, within, keep), say)
    if as_json:
        typer.echo(json.dumps({"slot": slot, "bytes": len(data), "kept": keep, "steps": lines}))


def _compile_for_device(source: Path, target: Path, *, as_json: bool) -> None:
    from flight_sw.inference.compile import compile_by
    from flight_sw.inference.manifest import Route
    from flight_sw.radiation.native import crc32c

    manifest = compile_by(source, target, crc32c, Route.DEVICE)
    size, digest = manifest.total_bytes, manifest.digest.hex()
    if as_json:
        typer.echo(json.dumps({"folder": str(target), "digest": digest, "proofs": None}))
        return
    typer.echo(f"{target}: {size} bytes of weights; proven live by the board when it loads them")


def _check_target(target: Path) -> None:
    """Only a compiled model, or nothing, may be replaced."""
    from flight_sw.inference.manifest import MANIFEST_FILE

    if target.exists() and not (target / MANIFEST_FILE).is_file():
        raise ModelError(f"{target}: exists and is no compiled model; name another with --out")


def _calibration(source: Path, folder: Path) -> tuple[list[Any], ...]:
    from flight_sw.inference.describe import describe_model
    from hil.applications.inputs import read_inputs
    from hil.applications.models import read_card

    specs, card = describe_model(source).inputs, read_card(source)
    if len(specs) != 1:
        raise ModelError(f"{source}: takes {len(specs)} inputs; calibration files give one")
    columns = tuple(card.inputs[0].columns) if card else ()
    found = read_inputs(folder, specs[0], columns)
    return tuple([one.tensor] for one in found[:CALIBRATION_MAX])
