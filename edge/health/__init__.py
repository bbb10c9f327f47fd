"""How a box fares: rates, clock, memory and temperatures, as metrics over HTTP and to systemd.

The figures are gathered by `edge.box.monitoring.reporter`, which knows the pipeline; what is here knows none of
it.
"""
