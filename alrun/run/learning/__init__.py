"""What a run learns: the labels there are, training, evaluation, and what a model says of images."""
