"""The reliability generalization study."""
