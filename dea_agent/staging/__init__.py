"""Staging on a DEA: buildpacks make a droplet of a package."""

from dea_agent.staging.stager import Stager

__all__ = ["Stager"]
