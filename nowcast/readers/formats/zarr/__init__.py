"""Zarr stores in folders and by address, and OME-Zarr; nothing is followed out of them, unpickled or swollen."""
