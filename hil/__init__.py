"""What tests the flight software: environment, emulator, faults, ground, campaigns."""
