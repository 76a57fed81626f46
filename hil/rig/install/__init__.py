"""Puts our software on a board, and takes it off again: every edit shown, backed up, reversible."""
