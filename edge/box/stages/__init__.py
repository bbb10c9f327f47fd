"""What a frame passes on its way: read, prefetch, register, pose, publish."""
