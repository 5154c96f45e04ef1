# Tables and buckets, each as infra/topology.json has it. infra/local/cloud.py makes the same on one machine.

locals {
  topology = jsondecode(file("${path.module}/../../../topology.json"))
}

resource "aws_dynamodb_table" "this" {
  #checkov:skip=CKV_AWS_119:AWS-owned keys by default; kms_key_arn is the variable for one's own.
  #checkov:skip=CKV2_AWS_16:Paid per request: there is no capacity to scale.
  #checkov:skip=CKV_AWS_28:Recovery is on by default; the variable says what it costs.
  for_each = local.topology.tables

  name                        = "${var.name}-${each.key}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = each.value.key.hash[0]
  range_key                   = try(each.value.key.range[0], null)
  deletion_protection_enabled = var.deletion_protection
  tags                        = var.tags

  # Every attribute that is part of a key, once.
  dynamic "attribute" {
    for_each = {
      for pair in flatten([
        for key in concat([each.value.key], try(each.value.indexes, [])) : [
          for part in [key.hash, try(key.range, null)] : { name = part[0], type = part[1] } if part != null
        ]
      ]) : pair.name => pair.type...
    }

    content {
      name = attribute.key
      type = attribute.value[0]
    }
  }

  dynamic "global_secondary_index" {
    for_each = { for index in try(each.value.indexes, []) : index.name => index }

    content {
      name            = global_secondary_index.key
      hash_key        = global_secondary_index.value.hash[0]
      range_key       = try(global_secondary_index.value.range[0], null)
      projection_type = global_secondary_index.value.projection
    }
  }

  dynamic "ttl" {
    for_each = can(each.value.ttl) ? [each.value.ttl] : []

    content {
      enabled        = true
      attribute_name = ttl.value
    }
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  # Without this block the key is one that AWS owns.
  dynamic "server_side_encryption" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value
    }
  }
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:Who reads which blob is in the functions' own logs; access logs would be a bucket more, and a bill.
  #checkov:skip=CKV_AWS_144:What is here can be staged again from source; a copy in another region is the owner's choice.
  #checkov:skip=CKV_AWS_145:AWS-owned keys by default; kms_key_arn is the variable for one's own.
  #checkov:skip=CKV2_AWS_62:Nothing listens for objects: functions are told over the bus.
  #checkov:skip=CKV_AWS_21:Blobs are made under new names and never replaced; a version of one that was deleted would only cost.
  for_each = local.topology.buckets

  bucket        = "${var.name}-${each.key}"
  force_destroy = !var.deletion_protection
  tags          = var.tags
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.topology.buckets

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.topology.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.topology.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
    # One data key per bucket and not one per object: a hundredth of the requests to KMS.
    bucket_key_enabled = var.kms_key_arn != null
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.topology.buckets

  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = each.value.lifecycle.earlier_versions_days > 0 ? "Enabled" : "Disabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  #checkov:skip=CKV_AWS_300:The first rule does; its days come from the topology, which the check does not read.
  for_each = local.topology.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    id     = "abandoned-uploads"
    status = "Enabled"

    filter {
      prefix = ""
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = each.value.lifecycle.abandoned_uploads_days
    }
  }

  dynamic "rule" {
    for_each = each.value.lifecycle.expire_days

    content {
      id     = "expire-${trimsuffix(rule.key, "/")}"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      expiration {
        days = rule.value
      }
    }
  }

  dynamic "rule" {
    for_each = each.value.lifecycle.earlier_versions_days > 0 ? [each.value.lifecycle.earlier_versions_days] : []

    content {
      id     = "earlier-versions"
      status = "Enabled"

      filter {
        prefix = ""
      }

      noncurrent_version_expiration {
        noncurrent_days = rule.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.topology.buckets

  bucket = aws_s3_bucket.this[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyOverTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.this[each.key].arn, "${aws_s3_bucket.this[each.key].arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  # S3 refuses two changes of a bucket's access at once.
  depends_on = [aws_s3_bucket_public_access_block.this]
}
