# Topics, queues with what failed too often beside them, and who hears what, each as infra/topology.json has it.
# Hosts make their own queues at boot (chalicelib/adapters/inbox.py); functions' and hosts' roles say who else may send.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  topology = jsondecode(file("${path.module}/../../../topology.json"))

  # SQS's longest, 14 days, as infra/local/cloud.py has it: dead letters wait for somebody to look at them.
  dead_retention_s = 1209600

  # queue/topic -> what of the topic the queue hears.
  subscriptions = merge([
    for queue, spec in local.topology.queues : {
      for topic, subjects in try(spec.hears, {}) : "${queue}/${topic}" => {
        queue    = queue
        topic    = topic
        subjects = subjects
      }
    }
  ]...)

  event_rules = join(":", [
    "arn:${data.aws_partition.current.partition}:events:${data.aws_region.current.region}",
    "${data.aws_caller_identity.current.account_id}:rule/${var.name}-*",
  ])
}

resource "aws_sns_topic" "this" {
  #checkov:skip=CKV_AWS_26:A topic keeps no message; kms_key_arn is the variable for those who want one's own key all the same.
  for_each = local.topology.topics

  name              = "${var.name}-${each.key}"
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags
}

resource "aws_sns_topic_policy" "this" {
  for_each = local.topology.topics

  arn = aws_sns_topic.this[each.key].arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # Whom the account's own roles allow; nobody else.
        Sid       = "RolesOfThisAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
        Action    = ["sns:Publish", "sns:Subscribe", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"]
        Resource  = aws_sns_topic.this[each.key].arn
      },
      {
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["sns:Publish", "sns:Subscribe"]
        Resource  = aws_sns_topic.this[each.key].arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_sqs_queue" "dead" {
  for_each = local.topology.queues

  name                              = "${var.name}-${each.key}-dead"
  message_retention_seconds         = local.dead_retention_s
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 3600
  tags                              = var.tags
}

resource "aws_sqs_queue" "this" {
  for_each = local.topology.queues

  name                              = "${var.name}-${each.key}"
  visibility_timeout_seconds        = each.value.visibility_s
  message_retention_seconds         = var.retention_s
  receive_wait_time_seconds         = 20
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 3600
  tags                              = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[each.key].arn
    maxReceiveCount     = each.value.max_receives
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  for_each = local.topology.queues

  queue_url = aws_sqs_queue.dead[each.key].url
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this[each.key].arn]
  })
}

resource "aws_sqs_queue_policy" "this" {
  for_each = local.topology.queues

  queue_url = aws_sqs_queue.this[each.key].url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [local.only_over_tls[each.key]],
      [
        for key, subscription in local.subscriptions : {
          Sid       = "Topic${title(subscription.topic)}"
          Effect    = "Allow"
          Principal = { Service = "sns.amazonaws.com" }
          Action    = "sqs:SendMessage"
          Resource  = aws_sqs_queue.this[each.key].arn
          Condition = { ArnEquals = { "aws:SourceArn" = aws_sns_topic.this[subscription.topic].arn } }
        } if subscription.queue == each.key
      ],
      [
        # The cloud's word on its hosts: rules of EventBridge in this account whose names begin with ours.
        for told in try(each.value.cloud_events, false) ? [true] : [] : {
          Sid       = "EventRules"
          Effect    = "Allow"
          Principal = { Service = "events.amazonaws.com" }
          Action    = "sqs:SendMessage"
          Resource  = aws_sqs_queue.this[each.key].arn
          Condition = { ArnLike = { "aws:SourceArn" = local.event_rules } }
        }
      ],
    )
  })
}

resource "aws_sqs_queue_policy" "dead" {
  for_each = local.topology.queues

  queue_url = aws_sqs_queue.dead[each.key].url
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [merge(local.only_over_tls[each.key], { Resource = aws_sqs_queue.dead[each.key].arn })]
  })
}

locals {
  only_over_tls = {
    for key, queue in aws_sqs_queue.this : key => {
      Sid       = "OnlyOverTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = queue.arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
  }
}

resource "aws_sns_topic_subscription" "this" {
  for_each = local.subscriptions

  topic_arn            = aws_sns_topic.this[each.value.topic].arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.this[each.value.queue].arn
  raw_message_delivery = true
  filter_policy_scope  = "MessageBody"
  filter_policy        = jsonencode({ subject = each.value.subjects })

  # A topic that may not send yet would lose what it is given.
  depends_on = [aws_sqs_queue_policy.this]
}
