"""Board profiles by name: `emulated` for a shipped one, or the path of a file of one's own.

In a wheel the profiles lie inside the package; in an editable install they stay in the repository's
`boards/` folder. Both are found by the same words.
"""

import difflib
from importlib import resources
from pathlib import Path

from flight_sw.errors import ProfileError
from flight_sw.profile import Profile, parse_profile

SUFFIX = ".yaml"
REPOSITORY = Path(__file__).resolve().parents[1]


def boards_folder() -> Path:
    """Where the shipped profiles are."""
    packaged = Path(str(resources.files("hil") / "boards"))
    return packaged if packaged.is_dir() else REPOSITORY / "boards"


def board_names() -> list[str]:
    """Names of the shipped profiles."""
    return sorted(path.stem for path in boards_folder().glob(f"*{SUFFIX}"))


def find_board(name_or_file: str) -> Path:
    """The file of a shipped profile's name, or the file itself.

    Raises:
        ProfileError: neither; the text names what there is.
    """
    shipped = boards_folder() / f"{name_or_file}{SUFFIX}"
    if "/" not in name_or_file and shipped.is_file():
        return shipped
    path = Path(name_or_file)
    if path.is_file():
        return path
    if path.suffix == SUFFIX or "/" in name_or_file:
        raise ProfileError(f"{name_or_file}: no such board profile; check the path")
    names = board_names()
    near = difflib.get_close_matches(name_or_file, names, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(names)}"
    raise ProfileError(f"board {name_or_file!r}: not found; {hint} (or give a .yaml file)")


def read_board(name_or_file: str) -> Profile:
    """The profile of a shipped name or a file.

    Raises:
        ProfileError: not found, not readable or wrong; names file, line and field.
    """
    path = find_board(name_or_file)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise ProfileError(f"{path}: cannot read the profile: {reason}") from error
    return parse_profile(text, str(path))
