"""Every number that the estimator and the scheduler rest on: unit, and where it comes from.

Chosen by `python -m benchmarks.replay` over all sets (see docs/decisions), unless said otherwise.
"""

from __future__ import annotations

KEPT = 0.995
"""Share of its score that an answer keeps from frame to frame: an error of the motion adds up."""
LEAST_KEPT = 0.9
"""Share that it keeps at least where the lines it still has make it less likely."""
SUPPORT_KEPT = 0.99
"""Share of the best support since the shot began that counts from look to look."""
BORNE_OUT = 0.7
"""Share of the support at the network's last look that a carried answer must still have."""
FOLLOWED = 0.85
"""The same from one frame to the next."""
DAZZLED = 0.9
"""Share of its score that an answer keeps where a flash hides the lines that could bear it out."""
DAZZLED_FRAMES = 6
"""Frames in a row, at most, through which it is carried by the motion alone."""
PART_OF_A_FRAME = 0.15
"""What a frame's lines count beside those of the frames before: they are the same lines."""
PART_OF_A_LOOK = 0.5
"""The same of an answer that a shot begins with."""
MOTION_PX = 0.1
"""Least error of the corners' motion, pixels of the checked picture (640 wide), a frame."""
TURN_RMS_PX = 1.5
"""What a turn and a zoom may leave of the corners' distances, RMS, checked picture's pixels."""
PLACE_DRIFT_M = 0.02
"""By how much a mount gives from frame to frame, metres."""
ASPECT_DRIFT = 1e-4
"""The same of the logarithm of the pixels' aspect."""
BEND_DRIFT = 1e-4
"""The same of the lens's radial term."""
RIVAL_PX = 3.0
"""Mean distance over the visible field from which two answers differ, checked picture's pixels."""
RIVAL_ODDS = 2.0
"""Logarithm of the odds, summed over looks, at which another answer takes over."""
ODDS_OF_A_LOOK = 4.0
"""The most that one look adds to it."""

SOON_S = 0.13
"""Longest time from a frame to one that is followed from it: of eight frames a second."""
LOOK_S = 0.19
"""Time from one look of the network to the next, seconds, while answers are sure."""
PRESSED_S = 0.29
"""The same where the network cannot look so often."""
