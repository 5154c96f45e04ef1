output "zerofoundry" {
  description = "What the installation is: addresses, names, groups of hosts."
  value       = module.zerofoundry
}
