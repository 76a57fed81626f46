"""Programs of the emulated board itself; they run in the guest, not here."""
