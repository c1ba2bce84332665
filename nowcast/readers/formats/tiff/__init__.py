"""TIFF, page by page: stacks as ImageJ and OME write them, plain ones, and GeoTIFF."""
