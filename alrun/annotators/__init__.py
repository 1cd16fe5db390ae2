"""Who labels: people on the platform, or an oracle that knows the labels."""
