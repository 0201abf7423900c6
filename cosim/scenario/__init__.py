"""Scenario files: schema, reading, library."""
