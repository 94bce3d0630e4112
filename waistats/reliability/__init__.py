"""Responses to coefficients."""
