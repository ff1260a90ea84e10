"""The experiments, one file each: what LATM measured, and what it left out."""
