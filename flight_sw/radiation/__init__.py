"""What keeps memory and hardware honest: voting, check bytes, scrub, watchdogs."""
