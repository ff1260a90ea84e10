"""A run small enough for a laptop: a language of a few sentences, and a model of about a million parameters for it."""
