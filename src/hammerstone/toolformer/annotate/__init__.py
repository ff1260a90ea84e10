"""Calls proposed by a model, and run by the tools."""
