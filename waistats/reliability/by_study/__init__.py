"""Reliability coefficients of many studies."""
