"""Configuration over MQTT: request, trial, probation, rollback, report."""
