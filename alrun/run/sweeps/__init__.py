"""Many jobs as one: what is missing is played, and all of it becomes one table, one page, one comparison."""
