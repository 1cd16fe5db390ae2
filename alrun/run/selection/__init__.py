"""From a snapshot to picks: the pool, its metrics, what filters and strategies ask for."""
