"""Numbers about images: one file a metric."""
