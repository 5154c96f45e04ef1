output "autoscaling_group_name" {
  description = "Name of the group."
  value       = aws_autoscaling_group.this.name
}

output "role_arn" {
  description = "ARN of the hosts' role."
  value       = aws_iam_role.this.arn
}
