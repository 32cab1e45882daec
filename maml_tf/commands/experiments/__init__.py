"""Experiments that flags describe: their data, model and algorithm."""
