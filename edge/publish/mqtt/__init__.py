"""The connection to a broker, the embedded broker, and the names of topics."""
