"""The search for a recipe: a space, trials that are ordinary runs, and what they say. Optuna chooses; nothing here ever looks at test."""
