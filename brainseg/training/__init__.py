"""Training: recipes, a worker process, and the loop it runs."""
