"""Multilevel models of dependent coefficients."""
