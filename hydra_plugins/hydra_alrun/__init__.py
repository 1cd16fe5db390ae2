"""What alrun adds to Hydra's search path."""
