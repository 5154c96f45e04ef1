"""Stacks: the root file systems that apps are built for and run on."""

from typing import ClassVar

from pynamodb.attributes import UnicodeAttribute

from chalicelib.tables.base import Resource
from chalicelib.tables.connection import table_name


class Stack(Resource):
    """name: what hosts announce and apps ask for. state: ACTIVE, DEPRECATED, RESTRICTED, DISABLED (core.stacks).

    state_reason: why, in an administrator's words.
    """

    class Meta:
        table_name = table_name("stacks")

    LABEL: ClassVar[str] = "Stack"
    KIND: ClassVar[str] = "stacks"
    name = UnicodeAttribute()
    description = UnicodeAttribute(null=True)
    state = UnicodeAttribute(default="ACTIVE")
    state_reason = UnicodeAttribute(null=True)
