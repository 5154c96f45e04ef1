"""The `zf` command: push applications to a zerofoundry (or any Cloud Foundry v3) API and look after them."""
