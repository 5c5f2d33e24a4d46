"""What a model knows, and how sure it may be of it."""
