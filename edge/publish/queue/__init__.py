"""What waits for the broker: frames (newest wins), events (spooled on disk), segments."""
