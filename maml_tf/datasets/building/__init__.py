"""Builders of data sets from examples, rows and texts."""
