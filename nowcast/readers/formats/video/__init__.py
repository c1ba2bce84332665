"""Video by FFmpeg's libraries; damage that these pass over in silence is found by looking at the bytes."""
