"""The tools that a model is taught to call: text in, text out (Toolformer, section 3)."""
