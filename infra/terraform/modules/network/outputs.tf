output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "Its addresses."
  value       = var.cidr
}

output "public_subnet_ids" {
  description = "Where the load balancer and the routers stand, one per zone."
  value       = [for zone in var.zones : aws_subnet.public[zone].id]
}

output "private_subnet_ids" {
  description = "Where the DEAs stand, one per zone: behind NAT, or, without any, with public addresses that nothing can connect to."
  value       = [for zone in var.zones : aws_subnet.dea[zone].id]
}

output "nat_addresses" {
  description = "Addresses that the apps' outgoing connections come from; empty without NAT."
  value       = [for zone in sort(tolist(local.nat_zones)) : aws_eip.nat[zone].public_ip]
}
