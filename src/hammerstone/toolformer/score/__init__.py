"""How much each result helps the model that is fine-tuned, and which calls that selects."""
