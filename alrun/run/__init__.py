"""Runs: rounds from the first selection to the last evaluation, and the folder they leave."""
