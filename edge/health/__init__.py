"""Health of a box: rates, clock, memory and temperatures, as metrics over HTTP and to systemd.

`edge.box.monitoring.reporter` gathers the figures, for it knows the pipeline; nothing here does.
"""
