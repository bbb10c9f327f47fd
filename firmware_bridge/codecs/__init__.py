"""Pure codecs: bytes to dataclass and back.

Any bytes give a value or a `ProtocolError`, nothing else.
"""
