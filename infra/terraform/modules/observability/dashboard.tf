# One page: is it healthy, is there room, who is slow, what waits.

locals {
  region = data.aws_region.current.region

  charts = [
    {
      title   = "Processes that drift; memory promised (%)"
      metrics = [for metric in ["drifting", "promised_percent"] : [local.namespace, metric, "service", "${var.name}-hm"]]
      stat    = "Maximum"
    },
    {
      title   = "Dead letters"
      metrics = [for name in values(var.dead_letter_names) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name]]
      stat    = "Maximum"
    },
    {
      title = "The API: requests, 4xx, 5xx"
      metrics = [
        for metric in ["Count", "4XXError", "5XXError"] : ["AWS/ApiGateway", metric, "ApiName", var.api_name] if var.api_name != null
      ]
      stat = "Sum"
    },
    {
      title   = "The API: time to answer, p95 (ms)"
      metrics = [for name in var.api_name[*] : ["AWS/ApiGateway", "Latency", "ApiName", name]]
      stat    = "p95"
    },
    {
      title   = "Functions: errors"
      metrics = [for name in values(var.function_names) : ["AWS/Lambda", "Errors", "FunctionName", name]]
      stat    = "Sum"
    },
    {
      title   = "Functions: duration, p95 (ms)"
      metrics = [for name in values(var.function_names) : ["AWS/Lambda", "Duration", "FunctionName", name]]
      stat    = "p95"
    },
    {
      title   = "Lambda in this account: running at once, throttled"
      metrics = [["AWS/Lambda", "ConcurrentExecutions"], ["AWS/Lambda", "Throttles"]]
      stat    = "Maximum"
    },
    {
      title   = "Queues: age of the oldest message (s)"
      metrics = [for name in values(var.queue_names) : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", name]]
      stat    = "Maximum"
    },
    {
      title = "Hosts: processor (%)"
      metrics = [
        for group in values(var.autoscaling_group_names) : ["AWS/EC2", "CPUUtilization", "AutoScalingGroupName", group]
      ]
      stat = "Average"
    },
  ]

  widgets = [
    for i, chart in [for chart in local.charts : chart if length(chart.metrics) > 0] : {
      type   = "metric"
      x      = 8 * (i % 3)
      y      = 6 * floor(i / 3)
      width  = 8
      height = 6
      properties = {
        title   = chart.title
        region  = local.region
        view    = "timeSeries"
        metrics = chart.metrics
        stat    = chart.stat
        period  = 60
      }
    }
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard ? 1 : 0

  dashboard_name = var.name
  dashboard_body = jsonencode({ widgets = local.widgets })
}
