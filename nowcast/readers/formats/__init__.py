"""A file becomes a lazy dataset: a module or a room for each format, each a `nowcast.readers.protocol.Reader`.

Here the format is known and nothing else: what is a field, an axis or a time is told in `nowcast.readers.labelling`.
"""
