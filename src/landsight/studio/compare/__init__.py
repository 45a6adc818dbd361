"""Runs beside each other, picture by picture: which is better, how sure that is, where they differ, what each costs."""
