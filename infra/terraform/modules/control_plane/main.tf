# The functions and what calls them. chalice.tf.json and api.json are made of app.py by `make package`; here stands what
# Chalice does not know: the archive, rights, logs, the API's stage, the key that signs tokens.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  archive = "${var.package}/functions.zip"
  # Architecture and Python of the archive: the functions cannot be told other ones.
  package = jsondecode(file("${var.package}/functions.json"))

  environment = merge(
    {
      ZF_PREFIX            = var.name
      ZF_ACCOUNT           = data.aws_caller_identity.current.account_id
      ZF_DOMAIN            = var.domain
      ZF_EXTERNAL_SCHEME   = "https"
      ZF_EXTERNAL_PORT     = "443"
      ZF_PROFILE           = "cloud"
      ZF_ALLOWED_ADDRESSES = join(",", var.allowed_addresses)
      ZF_DEA_ROLE_ARN      = aws_iam_role.dea_joined.arn
    },
    var.settings,
  )

  # The full sweep in so many calls at once: the event that a clock sends, with the shards that are the call's own.
  shards = 16
  sweep_parts = {
    for part in range(var.sweep_parts) : tostring(part) => jsonencode({
      version     = "0"
      id          = "${var.name}-${part}"
      detail-type = "Scheduled Event"
      source      = "aws.events"
      account     = data.aws_caller_identity.current.account_id
      time        = "1970-01-01T00:00:00Z"
      region      = data.aws_region.current.region
      resources   = []
      detail      = { shards = [for shard in range(local.shards) : shard if shard % var.sweep_parts == part] }
    })
  }

  # What the templates of infra/iam want.
  rights = {
    partition        = data.aws_partition.current.partition
    region           = data.aws_region.current.region
    account          = data.aws_caller_identity.current.account_id
    name             = var.name
    secret_arn       = aws_secretsmanager_secret.signing_key.arn
    table_arns       = var.table_arns
    bucket_arns      = var.bucket_arns
    queue_arns       = var.queue_arns
    dead_letter_arns = var.dead_letter_arns
    topic_arns       = var.topic_arns
  }
}

# Signs tokens and grants, and seals secrets. Its value is made by `zf cloud setup`, so that no state has it.
resource "aws_secretsmanager_secret" "signing_key" {
  #checkov:skip=CKV2_AWS_57:`zf admin` rotates it when the operator says so; tokens of the key before stay good for a day.
  #checkov:skip=CKV_AWS_149:Encrypted with the key that AWS owns, or with kms_key_arn where the owner gives one.
  name                    = "${var.name}-signing-key"
  description             = "Signs the tokens of ${var.name} and seals its secrets. Without it every app's environment is lost."
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.deletion_protection ? 30 : 0
  tags                    = var.tags
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:Kept for var.log_days; a year of them costs money that nobody asked to spend.
  #checkov:skip=CKV_AWS_158:Encrypted with the key that AWS owns, or with kms_key_arn where the owner gives one.
  for_each = toset(local.functions)

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role" "this" {
  for_each = toset(local.functions)

  name        = "${var.name}-${each.key}"
  description = "What ${each.key} of ${var.name} may do; made of infra/iam/table.py."
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = toset(local.functions)

  name = "own"
  role = aws_iam_role.this[each.key].name
  policy = templatefile("${path.module}/../../../iam/policies/${each.key}.json", merge(local.rights, {
    log_group_arn = aws_cloudwatch_log_group.this[each.key].arn
  }))
}

# Queues, tables, buckets and the secret are sealed with the owner's key where there is one.
locals {
  use_of_the_key = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = var.kms_key_arn
    }]
  })
}

resource "aws_iam_role_policy" "key" {
  for_each = toset(var.kms_key_arn == null ? [] : local.functions)

  name   = "key"
  role   = aws_iam_role.this[each.key].name
  policy = local.use_of_the_key
}
