"""Processes that serve together."""
