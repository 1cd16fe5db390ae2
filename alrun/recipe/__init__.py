"""How a selection becomes the annotators' queue, and how everything comes back."""
