"""What tests the flight software: environment, emulator, faults, ground, campaigns."""

import flight_sw as flight_sw  # first, so that an onnxruntime that is loaded here is silent too
