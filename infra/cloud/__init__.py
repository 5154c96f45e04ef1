"""`zf cloud`: an installation in an AWS account, after Terraform has made it and before anybody can log in."""
