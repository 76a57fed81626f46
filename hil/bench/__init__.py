"""Benches: every figure that the project claims, measured here and now, as ratios in one process."""
