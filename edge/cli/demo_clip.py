"""`touchline demo-clip`: render a clip of a soccer match to try things with."""
