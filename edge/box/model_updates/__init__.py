"""Model bundles over MQTT: download, install, self-test, hot swap, rollback."""
