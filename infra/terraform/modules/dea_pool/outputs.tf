output "autoscaling_group_name" {
  description = "Name of the group of DEAs."
  value       = module.hosts.autoscaling_group_name
}

output "role_arn" {
  description = "ARN of the DEAs' role."
  value       = module.hosts.role_arn
}

output "security_group_id" {
  description = "The DEAs' security group."
  value       = aws_security_group.this.id
}
