"""A search of settings: which and among what values, trial after trial, and what came of each."""
