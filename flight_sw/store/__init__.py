"""Records that survive a crash at any moment."""
