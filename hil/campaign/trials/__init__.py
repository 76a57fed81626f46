"""Fault campaigns by the thousand: a plan, trials in shards, exact bounds, one page of report."""
