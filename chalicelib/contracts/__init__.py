"""The messages that cross the bus. Standard library only: functions, DEAs and routers all import this."""
