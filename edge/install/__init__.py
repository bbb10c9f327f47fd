"""Installs the box as a service of the system: user, folders, unit, configuration."""
