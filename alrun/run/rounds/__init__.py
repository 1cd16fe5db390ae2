"""One round of a run, phase by phase: planning, publishing, labelling, finishing, and whether another follows."""
