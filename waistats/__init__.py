"""Reliability generalization of the Working Alliance Inventory."""
