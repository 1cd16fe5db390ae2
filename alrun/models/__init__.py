"""Classifiers behind one port, and their evaluation."""
