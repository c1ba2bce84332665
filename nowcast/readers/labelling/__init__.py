"""A lazy dataset becomes a cube: which variable is the field, which dim which axis, when frames were taken."""
