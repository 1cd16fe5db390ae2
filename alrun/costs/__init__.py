"""What a label costs."""
