"""Vectors that stand for images: one file an embedding, one cache for all."""
