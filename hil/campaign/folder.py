"""The folder of one run: where everything about it lies, and nothing about another."""

from dataclasses import dataclass
from pathlib import Path

from flight_sw.errors import UserError


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Names of the files of a run."""

    root: Path

    @property
    def summary(self) -> Path:
        """The figures, as JSON."""
        return self.root / "summary.json"

    @property
    def events(self) -> Path:
        """Every happening, one JSON object a line."""
        return self.root / "events.jsonl"

    @property
    def telemetry(self) -> Path:
        """Every report that came down, as SQLite."""
        return self.root / "telemetry.sqlite"

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.root / "report.html"

    @property
    def keys(self) -> Path:
        """The link's keys, made for this run alone."""
        return self.root / "keys"

    def state(self, who: str) -> Path:
        """Where one of the programs keeps what it must remember."""
        path = self.root / "state" / who
        path.mkdir(parents=True, exist_ok=True)
        return path

    def log(self, who: str) -> Path:
        """Where one of the programs writes what it says."""
        return self.root / f"{who}.log"


def make_folder(out: Path | None, stamp: str, scenario: str, seed: int) -> RunFolder:
    """A new folder for a run: `out`, or `runs/<stamp>-<scenario>-<seed>` below the working directory.

    Raises:
        UserError: `out` holds something already, or cannot be made.
    """
    root = out if out is not None else Path("runs") / f"{stamp}-{scenario}-{seed}"
    try:
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise UserError(f"--out {root}: is not an empty folder; name a new one")
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {root}: cannot be made ({error.strerror}); name another") from error
    return RunFolder(root.resolve())
