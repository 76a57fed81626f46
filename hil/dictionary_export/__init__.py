"""The dictionary for other ground systems: XTCE, JSON, OpenC3, and a manual page to read."""
