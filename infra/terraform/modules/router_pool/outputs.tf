output "autoscaling_group_name" {
  description = "Name of the group of routers."
  value       = module.hosts.autoscaling_group_name
}

output "role_arn" {
  description = "ARN of the routers' role."
  value       = module.hosts.role_arn
}

output "security_group_id" {
  description = "The routers' security group."
  value       = aws_security_group.this.id
}

output "lb_dns_name" {
  description = "The load balancer's own name, which *.DOMAIN and api.DOMAIN lead to."
  value       = aws_lb.this.dns_name
}

output "lb_zone_id" {
  description = "The hosted zone of the load balancer's own name."
  value       = aws_lb.this.zone_id
}
