"""Makes data sets of examples, of rows and of texts."""
