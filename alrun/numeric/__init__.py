"""Numerical work that metrics and strategies share: selection and clustering of points, in numpy only.

Points are float32 of shape (N, D), finite, in memory or memory-mapped; they are read in blocks and never copied as
a whole. No result depends on the number of threads.
"""
