"""Trackers: where copies of runs are kept, so that people can compare many of them."""
