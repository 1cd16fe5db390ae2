"""Where the work on single images is done: in this process, or on a cluster."""
