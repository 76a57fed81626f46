"""Faults that reach live bytes, lines and processes from outside."""
