"""The world around the board: heat, power, scenes. Pure functions of time."""
