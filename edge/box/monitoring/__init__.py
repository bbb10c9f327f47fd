"""What a box says of itself: health, frame accounting, latency, outages, the run's summary."""
