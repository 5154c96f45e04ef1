"""The client library under the commands: one HTTP adapter, typed calls, polling, log reading, errors."""
