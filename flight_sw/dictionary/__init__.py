"""The one declaration of telecommands, telemetry, events and parameters."""
