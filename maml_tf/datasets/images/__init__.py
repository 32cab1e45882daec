"""Images: their files, sizes, cache and preparation."""
