"""Plan, run, judge and report."""
