"""Fine-tuning, on TRL's trainer."""
