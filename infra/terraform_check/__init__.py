"""`make terraform-check`: format, schema, plans and policies of infra/terraform, without an account.

No registry of providers is asked. ``schema`` reads what AWS's provider accepts out of a package from PyPI that was
generated from it; ``provider`` is a stand-in for that provider, which knows this schema and answers plans with names
and ARNs as AWS would form them, but makes nothing.
"""
