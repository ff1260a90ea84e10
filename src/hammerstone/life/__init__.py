"""What becomes of a tool after its build."""
