"""Every error that crosses a boundary, in one tree.

VanAllenError
├── UserError            the person can mend it: one line with place and remedy, exit code 2
│   ├── ProfileError     a board profile, scenario or other YAML file
│   ├── ModelError       a model file or an input for it
│   ├── KeyFileError     the key file
│   └── PortError        a serial port or network address
├── DecodeError          bytes that are not what they should be; counted, never fatal
├── LinkLost             the port went away; a normal event, answered by reopening
└── StoreError           storage refused to keep or give back a record
"""


class VanAllenError(Exception):
    """Root of all errors that this project raises on purpose."""


class UserError(VanAllenError):
    """A mistake the user can mend; the text names the place and says what to do next."""


class ProfileError(UserError):
    """A configuration file is wrong; the text names file, line or field."""


class ModelError(UserError):
    """A model file, or an input for one, cannot be used."""


class KeyFileError(UserError):
    """The key file is missing, unreadable, too open or holds the reserved test key."""


class PortError(UserError):
    """A port does not exist, is busy or may not be opened."""


class DecodeError(VanAllenError):
    """Bytes from a link or store are malformed."""


class LinkLost(VanAllenError):
    """The other end of a port is gone, however the operating system words it."""


class StoreError(VanAllenError):
    """A record could not be written or read."""
