"""The HIL tests that ship: the same for the emulated board and for real ones; each says its needs."""
