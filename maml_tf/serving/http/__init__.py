"""Adaptation over HTTP, with the requests of TensorFlow Serving."""
