"""From a float model to a model folder, and proof that it is the same model."""
