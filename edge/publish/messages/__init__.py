"""The payload of every topic as pydantic models, with their schemas and examples."""
