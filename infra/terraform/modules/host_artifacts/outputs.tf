output "artifacts" {
  description = "What hosts fetch when they boot, once it is there: for modules dea_pool and router_pool."
  value = {
    architecture   = local.told.architecture
    bucket         = aws_s3_object.hosts.bucket
    bucket_arn     = var.bucket_arn
    archive_key    = aws_s3_object.hosts.key
    archive_sha256 = local.told.sha256
    stack_key      = one(aws_s3_object.stack[*].key)
    stack_sha256   = local.told.stack_sha256
  }
}
