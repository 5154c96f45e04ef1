# What hosts install when they boot, in the bucket `artifacts`: made by `make hosts-artifacts`, named by what is in it, so
# that a host never finds another thing under the name that it was told.

locals {
  told = jsondecode(file("${var.package}/hosts.json"))
}

resource "aws_s3_object" "hosts" {
  #checkov:skip=CKV_AWS_186:Sealed by the bucket's own encryption, which is kms_key_arn's where the owner gives one.
  bucket      = var.bucket
  key         = "hosts/${local.told.sha256}.tar.gz"
  source      = "${var.package}/hosts.tar.gz"
  source_hash = local.told.sha256
  tags        = var.tags
}

resource "aws_s3_object" "stack" {
  #checkov:skip=CKV_AWS_186:Sealed by the bucket's own encryption, which is kms_key_arn's where the owner gives one.
  count = local.told.stack_sha256 == null ? 0 : 1

  bucket      = var.bucket
  key         = "stack/${local.told.stack_sha256}.tar.gz"
  source      = "${var.package}/stack.tar.gz"
  source_hash = local.told.stack_sha256
  tags        = var.tags
}
