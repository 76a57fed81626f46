"""The root of all messages of the board link, which are declared in several files."""

import msgspec


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """Anything that travels on the board link."""
