"""What every experiment is run with: a store, a sandbox, models, samples and a bound on the cost."""
