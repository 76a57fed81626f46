"""Bytes to messages and back: the serial line between controller and board."""
