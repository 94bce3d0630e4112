"""Coefficients to pooled models."""
