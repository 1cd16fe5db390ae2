"""The report of a comparison: a page, a table, a text, and what the terminal shows."""
