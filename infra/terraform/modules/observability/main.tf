# What calls people, and what they look at then. Every alarm's description says what to do first.
# The names of the HealthManager's metrics are ALARMED in chalicelib/handlers/hm.py; their namespace stands in
# chalicelib/adapters/figures.py. They are only sent while something is wrong: nothing sent is good news.

data "aws_region" "current" {}

locals {
  namespace = "zerofoundry"

  few = contains(["few", "all"], var.alarms)
  all = var.alarms == "all"

  # What watches one metric. minutes: of so many minutes in a row, all must be beyond the threshold.
  simple = merge(
    {
      drift = {
        description = "Apps differ from what is desired of them, for ten minutes. First: zf admin hosts (is there room, is a host silent?), then the lines \"drifts\" in the log of hm_full_sweep name the processes."
        namespace   = local.namespace
        metric      = "drifting"
        dimensions  = { service = "${var.name}-hm" }
        # A sweep in parts counts in each of them.
        statistic = "Sum"
        above     = 0
        minutes   = 10
        missing   = "notBreaching"
      }
    },
    { for key, alarm in local.more : key => alarm if local.all && lookup(local.watched, key, true) },
  )

  # What cannot be watched without the thing itself.
  watched = {
    api_5xx = var.api_name != null
    sweeps  = can(var.function_names["hm_full_sweep"])
    silence = can(var.function_names["hm_inbox"])
    errors  = length(var.function_names) > 0
  }

  more = {
    sweeps = {
      description = "The HealthManager has not swept for ten minutes: nothing heals. First: the log of hm_full_sweep; then whether its schedule is enabled in EventBridge, and whether Lambda throttles the account."
      namespace   = "AWS/Lambda"
      metric      = "Invocations"
      dimensions  = { FunctionName = try(var.function_names["hm_full_sweep"], "") }
      statistic   = "Sum"
      below       = 1
      minutes     = 10
      missing     = "breaching"
    }
    capacity = {
      description = "85 % of the DEAs' memory is promised, or no DEA takes work: soon apps will not start (\"insufficient resources\"). First: zf admin hosts; uncordon what is cordoned for no reason, or raise dea_max and apply."
      namespace   = local.namespace
      metric      = "promised_percent"
      dimensions  = { service = "${var.name}-hm" }
      statistic   = "Minimum"
      above       = 84
      minutes     = 15
      missing     = "notBreaching"
    }
    api_5xx = {
      description = "The API fails: more than five answers of 5xx in a minute, three minutes in a row. First: the log of api_handler, filtered by \"ERROR\"; the trace in the line is the X-Vcap-Request-Id that the caller saw."
      namespace   = "AWS/ApiGateway"
      metric      = "5XXError"
      dimensions  = { ApiName = var.api_name }
      statistic   = "Sum"
      above       = 5
      minutes     = 3
      missing     = "notBreaching"
    }
    throttles = {
      description = "Lambda turns calls of this account away: too many run at once. First: the account's concurrency quota in Service Quotas (new accounts begin with 10) and which function uses it; then ask AWS for more."
      namespace   = "AWS/Lambda"
      metric      = "Throttles"
      dimensions  = {}
      statistic   = "Sum"
      above       = 0
      minutes     = 5
      missing     = "notBreaching"
    }
    inbox = {
      description = "The CloudController's inbox is more than a minute behind: starts and heals wait. First: errors and duration of cc_inbox on the dashboard; then the throttles of Lambda and DynamoDB."
      namespace   = "AWS/SQS"
      metric      = "ApproximateAgeOfOldestMessage"
      dimensions  = { QueueName = var.queue_names["cc"] }
      statistic   = "Maximum"
      above       = 60
      minutes     = 5
      missing     = "notBreaching"
    }
    jobs = {
      description = "A background job has waited for half an hour: deletions, manifests and services stand still. First: the log of cc_jobs; then zf admin dead-letters."
      namespace   = "AWS/SQS"
      metric      = "ApproximateAgeOfOldestMessage"
      dimensions  = { QueueName = var.queue_names["jobs"] }
      statistic   = "Maximum"
      above       = 1800
      minutes     = 5
      missing     = "notBreaching"
    }
    silence = {
      description = "More than a fifth of the hosts fell silent at once, and the HealthManager doubts itself. First: zf admin hosts; then the AWS Health Dashboard for this region, and the status checks of the instances in EC2."
      namespace   = local.namespace
      metric      = "${var.name}-many-silent"
      dimensions  = {}
      statistic   = "Sum"
      above       = 0
      minutes     = 1
      missing     = "notBreaching"
    }
  }

  # What adds up the same metric of several things.
  sums = {
    for key, sum in {
      dead_letters = {
        description = "A message failed at every try and lies in a dead-letter queue. First: zf admin dead-letters names it and its trace; look for the trace in the logs; when the cause is mended: zf admin replay QUEUE."
        namespace   = "AWS/SQS"
        metric      = "ApproximateNumberOfMessagesVisible"
        dimension   = "QueueName"
        of          = var.dead_letter_names
        statistic   = "Maximum"
        minutes     = 1
      }
      errors = {
        description = "Functions fail, five minutes in a row. First: the dashboard shows which one; then its log, filtered by \"ERROR\". Messages are tried again, so nothing is lost yet."
        namespace   = "AWS/Lambda"
        metric      = "Errors"
        dimension   = "FunctionName"
        of          = var.function_names
        statistic   = "Sum"
        minutes     = 5
      }
    } : key => sum if lookup(local.watched, key, true) && (local.all || (local.few && key == "dead_letters"))
  }

  topic_arns = [for topic in aws_sns_topic.alarms : topic.arn]
}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:CloudWatch cannot publish to a topic under AWS's own key, and an alarm's text is no secret.
  count = local.few ? 1 : 0

  name = "${var.name}-alarms"
  tags = var.tags
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = local.few ? toset(var.alarm_emails) : toset([])

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_cloudwatch_metric_alarm" "simple" {
  for_each = { for key, alarm in local.simple : key => alarm if local.few }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = 60
  evaluation_periods  = each.value.minutes
  comparison_operator = can(each.value.above) ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = try(each.value.above, each.value.below)
  treat_missing_data  = each.value.missing
  alarm_actions       = local.topic_arns
  ok_actions          = local.topic_arns
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "sum" {
  for_each = local.sums

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  evaluation_periods  = each.value.minutes
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.topic_arns
  ok_actions          = local.topic_arns
  tags                = var.tags

  metric_query {
    id          = "sum"
    expression  = "SUM(METRICS())"
    label       = each.key
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.of

    content {
      id = "m_${replace(metric_query.key, "-", "_")}"

      metric {
        namespace   = each.value.namespace
        metric_name = each.value.metric
        dimensions  = { (each.value.dimension) = metric_query.value }
        stat        = each.value.statistic
        period      = 60
      }
    }
  }
}

# The HealthManager's call for people (chalicelib/services/health/quick.py) is a line in its log.
resource "aws_cloudwatch_log_metric_filter" "silence" {
  count = local.all && local.watched["silence"] ? 1 : 0

  name           = "${var.name}-many-silent"
  log_group_name = "/aws/lambda/${var.function_names["hm_inbox"]}"
  pattern        = "ALARM"

  metric_transformation {
    namespace = local.namespace
    name      = "${var.name}-many-silent"
    value     = "1"
  }
}

resource "aws_budgets_budget" "this" {
  count = var.budget_usd == null ? 0 : 1

  name         = var.name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.budget_usd)
  limit_unit   = "USD"
  tags         = var.tags

  dynamic "notification" {
    for_each = { FORECASTED = 100, ACTUAL = 100 }

    content {
      notification_type          = notification.key
      comparison_operator        = "GREATER_THAN"
      threshold                  = notification.value
      threshold_type             = "PERCENTAGE"
      subscriber_email_addresses = var.alarm_emails
    }
  }
}
