"""The `zf` command: push applications to a zerofoundry (or any Cloud Foundry v3) API and look after them."""

#: The same as in pyproject.toml; asking the installed metadata costs 20 ms.
VERSION = "0.1.0"
