"""The tools that a model learns to call: text in, text out (Toolformer, section 3)."""
