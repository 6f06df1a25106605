"""Result: what a run gives, as records."""
