"""Scores how much each result helps the model that is fine-tuned, and selects calls by it."""
