"""Prepared cubes to a trained forecaster: its loss, its batches, whether a step fits into memory; then its card."""
