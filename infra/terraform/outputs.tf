output "name" {
  description = "The installation's name: ZF_PREFIX of all its parts."
  value       = var.name
}

output "domain" {
  description = "The platform's domain; the API is api.DOMAIN."
  value       = var.domain
}

output "api_endpoint" {
  description = "The API without routers in front of it, for those who look for what is wrong."
  value       = module.control_plane.api_endpoint
}

output "function_names" {
  description = "Names of the functions, by their names in the code."
  value       = module.control_plane.function_names
}

output "lb_dns_name" {
  description = "The load balancer's own name: where *.DOMAIN and api.DOMAIN must lead to, if Route 53 does not keep them."
  value       = module.router_pool.lb_dns_name
}

output "autoscaling_group_names" {
  description = "Names of the groups of hosts: dea, router."
  value       = { dea = module.dea_pool.autoscaling_group_name, router = module.router_pool.autoscaling_group_name }
}

output "vpc_id" {
  description = "The VPC that hosts stand in."
  value       = module.network.vpc_id
}

output "nat_addresses" {
  description = "Addresses that the apps' outgoing connections come from; empty without NAT."
  value       = module.network.nat_addresses
}

output "bucket_names" {
  description = "Names of the buckets, by their names in infra/topology.json."
  value       = module.data.bucket_names
}

output "alarm_topic_arn" {
  description = "The topic that alarms are published to, for pagers and chats; null without alarms."
  value       = module.observability.alarm_topic_arn
}

output "dashboard_url" {
  description = "Where the dashboard is; null without one."
  value       = module.observability.dashboard_url
}

output "certificates" {
  description = "Where routers read certificates: their ZF_CERTIFICATES."
  value       = module.dns_tls.certificates
}

output "upload_command" {
  description = "Puts the certificate of *.DOMAIN in its place (docs/tls.md)."
  value       = module.dns_tls.upload_command
}
