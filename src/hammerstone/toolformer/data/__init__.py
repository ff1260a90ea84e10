"""Texts: the corpus that a run begins with, the paper's rules for each tool, and the dataset that it trains on."""
