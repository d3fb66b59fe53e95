"""How each front end is trained: its stages, its losses, how its results are judged."""
