"""A tool: a Python function for one task, with its parser, demonstrations and checks."""
