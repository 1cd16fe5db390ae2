"""What the local platform can import: one file a kind of dataset."""
