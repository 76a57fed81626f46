"""What flies: the payload controller and the node on the board. Never imports hil or tests."""
