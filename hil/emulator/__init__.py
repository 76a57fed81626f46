"""The emulated board: the silicon around the real node."""
