"""Heat and power: from measured readings to the level the board may run at."""
