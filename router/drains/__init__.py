"""Log drains: the lines of an app to syslog and HTTPS servers of its owner's, delivered by one of its log's owners."""
