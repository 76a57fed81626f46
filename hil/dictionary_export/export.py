"""One name for each form in which the dictionary goes out."""

from collections.abc import Callable
from types import MappingProxyType

from flight_sw.errors import UserError
from hil.dictionary_export.json_form import to_json
from hil.dictionary_export.markdown import to_markdown
from hil.dictionary_export.openc3 import to_openc3
from hil.dictionary_export.xtce import to_xtce

FORMATS: MappingProxyType[str, Callable[[], str]] = MappingProxyType(
    {"xtce": to_xtce, "json": to_json, "md": to_markdown, "openc3": to_openc3}
)


def export(form: str) -> str:
    """The whole dictionary in one form.

    Raises:
        UserError: no such form; the text names the ones there are.
    """
    if form not in FORMATS:
        raise UserError(f"--format {form}: not known; write one of {', '.join(FORMATS)}")
    return FORMATS[form]()
