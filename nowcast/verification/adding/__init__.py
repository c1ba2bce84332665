"""What one frame adds to the sums that scores are made of: pixels, structure, events, distributions, spectra.

`frames` adds up what `pixelwise`, `structure`, `events`, `neighbourhood` and `distribution` tell of a frame; `spectra`
are added up beside it, where a part of the field is wholly known.
"""

from nowcast.verification.adding.frames import SUMS, Fields, Row, Rules, add_frame, empty_row, known
from nowcast.verification.adding.spectra import SPECTRA, Spectra

__all__ = ["SPECTRA", "SUMS", "Fields", "Row", "Rules", "Spectra", "add_frame", "empty_row", "known"]
