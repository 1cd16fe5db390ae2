"""What may be configured, how it is checked, and how a run is built from it."""
