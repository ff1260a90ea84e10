"""Benchmarks, perplexity, and the four rows that compare the models."""
