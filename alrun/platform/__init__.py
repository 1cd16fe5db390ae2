"""Where tasks live: the port, and one file for each platform behind it."""
