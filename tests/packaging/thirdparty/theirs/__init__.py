"""A strategy and a metric for alrun."""
