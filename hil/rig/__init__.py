"""Real boards: inventory, leases, power hooks."""
