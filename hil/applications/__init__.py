"""The ground side of the applications that ship: reading inputs, golden answers, scores,
baselines.
"""
