output "alarm_topic_arn" {
  description = "The topic that alarms are published to, for pagers and chats; null without alarms."
  value       = one(aws_sns_topic.alarms[*].arn)
}

output "alarm_names" {
  description = "Names of the alarms."
  value       = sort(concat([for alarm in aws_cloudwatch_metric_alarm.simple : alarm.alarm_name], [for alarm in aws_cloudwatch_metric_alarm.sum : alarm.alarm_name]))
}

output "dashboard_url" {
  description = "Where the dashboard is; null without one."
  value       = var.dashboard ? "https://${local.region}.console.aws.amazon.com/cloudwatch/home?region=${local.region}#dashboards/dashboard/${var.name}" : null
}
