output "name" {
  description = "The installation's name: ZF_PREFIX of all its parts."
  value       = var.name
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
