"""Training emotion models in Keras 3, on any of its backends."""
