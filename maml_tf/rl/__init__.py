"""Reinforcement learning: policies that adapt to a new task."""
