"""Who may do what in the public cloud: one table, the policies made of it, and their proof against recorded calls."""
