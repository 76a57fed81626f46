"""`vanallen plot` and `vanallen export`: what a telemetry archive holds, as a picture or as tables."""

import json
from pathlib import Path
from typing import Annotated

import typer

from flight_sw.errors import UserError
from hil.desk import Json

NEWEST = "newest run below runs/"

ArchiveFile = Annotated[
    Path | None, typer.Option("--archive", help=f"Archive (telemetry.sqlite); else the {NEWEST}.")
]


def plot(
    parameters: Annotated[list[str], typer.Argument(help="Housekeeping parameters, as in watch.")],
    archive: ArchiveFile = None,
    out: Annotated[Path, typer.Option(help="Picture to write.")] = Path("telemetry.png"),
) -> None:
    """Plot parameters of a telemetry archive to a PNG: vanallen plot temp frequency mode."""
    from hil.ground.archive import Archive
    from hil.ground.plot import plot as draw

    reader = Archive(_find(archive), read_only=True)
    try:
        samples = draw(reader, parameters, out)
    finally:
        reader.close()
    typer.echo(f"{out}: {samples} samples of {', '.join(parameters)}")


def export(
    folder: Annotated[Path, typer.Argument(help="Folder for the tables.")],
    archive: ArchiveFile = None,
    form: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",
    as_json: Json = False,
) -> None:
    """Write the tables of a telemetry archive: samples, events, results, verdicts."""
    from hil.ground.archive import Archive
    from hil.ground.export import export as write

    reader = Archive(_find(archive), read_only=True)
    try:
        written = write(reader, folder, form)
    finally:
        reader.close()
    if as_json:
        typer.echo(json.dumps(written))
    else:
        for name, rows in written.items():
            typer.echo(f"{folder / name}: {rows} rows")


def _find(archive: Path | None) -> Path:
    if archive is not None:
        return archive
    found = sorted(Path("runs").glob("*/telemetry.sqlite"), key=lambda file: file.stat().st_mtime)
    if not found:
        raise UserError("no archive below runs/; fly one with: vanallen run, or name it: --archive")
    return found[-1]
