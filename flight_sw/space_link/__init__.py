"""Bytes to packets and back: the protected link between ground and payload."""
