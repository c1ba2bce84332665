"""Cubes of many files become one along time, if they are of one kind."""
