"""Fields as they look: forecasts beside the truth, in the field's usual `colours`.

`still` is one picture of rows and columns; `canvas` is what moving ones are drawn on, `film` one case frame by frame,
`motion` a cube or a forecast that a notebook shows.
"""
