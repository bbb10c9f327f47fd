"""For programs that subscribe to a box or configure one.

Use `touchline.Client`.
"""
