"""What a host of the public cloud installs when it boots: `make hosts-artifacts` makes it, Terraform puts it into S3.

One archive for DEAs and routers: ``lib`` (the agents and their packages), systemd units, and the script ``install``.
Beside it the image that apps run in, as `docker save` writes it.
"""
