"""What is measured, by `make bench`: medians beside what they are compared with in the same run."""
