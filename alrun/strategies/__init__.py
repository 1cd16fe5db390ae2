"""Ways to choose what is labelled next: one file a strategy."""
