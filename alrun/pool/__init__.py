"""The snapshot as a table, and the images and embeddings behind its rows."""
