"""`vanallen dictionary`: the dictionary as files for other ground systems, and as a page to read."""

from pathlib import Path
from typing import Annotated

import typer

from flight_sw.errors import UserError

dictionary_app = typer.Typer(
    help="Give telecommands and telemetry to other ground systems.", no_args_is_help=True
)


@dictionary_app.callback()
def _dictionary() -> None:
    """Keep `export` a word of its own, with one command as with many."""


@dictionary_app.command("export")
def export_command(
    form: Annotated[str, typer.Option("--format", help="xtce, json, md or openc3.")] = "json",
    out: Annotated[Path | None, typer.Option(help="File to write; else the terminal.")] = None,
) -> None:
    """Write the whole dictionary in one form."""
    from hil.dictionary_export.export import export

    text = export(form)
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise UserError(f"{out}: cannot write ({error.strerror}); name another file") from error
    typer.echo(f"{out}: {len(text.encode())} bytes of {form}")
