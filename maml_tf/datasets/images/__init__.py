"""Reads, resizes, caches and prepares images."""
