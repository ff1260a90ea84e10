"""One module per company: a fixed system prompt with its rules, and what its customers or staff write."""
