"""Files that a run writes: JSON Lines, overlay videos, pictures."""
