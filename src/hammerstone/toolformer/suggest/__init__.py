"""Prompts for annotation from a corpus's own sentences: found by rule or by a model, and measured."""
