"""Service brokers and what they make. Brokers are called by the jobs function only, never while a client waits."""
