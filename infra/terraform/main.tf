# One installation: the control plane's functions, what they keep and say, the hosts, and what watches over them.
# Call this module from a configuration of your own, as examples/ do: providers and the place of the state are yours.

data "aws_availability_zones" "available" {
  #checkov:skip=CKV_AWS_394:Sorted by name and cut to zone_count: a zone that AWS adds comes behind those in use.
  state = "available"

  # Not the Local Zones and Wavelength Zones that an account can opt in to.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  tags = merge(var.tags, { zerofoundry = var.name })
}

module "network" {
  source = "./modules/network"

  name          = var.name
  zones         = slice(sort(data.aws_availability_zones.available.names), 0, var.zone_count)
  cidr          = var.cidr
  nat           = var.nat
  flow_log_days = var.flow_log_days
  kms_key_arn   = var.kms_key_arn
  tags          = local.tags
}

module "data" {
  source = "./modules/data"

  name                   = var.name
  deletion_protection    = var.deletion_protection
  point_in_time_recovery = var.point_in_time_recovery
  kms_key_arn            = var.kms_key_arn
  tags                   = local.tags
}

module "bus" {
  source = "./modules/bus"

  name        = var.name
  kms_key_arn = var.kms_key_arn
  tags        = local.tags
}

module "control_plane" {
  source = "./modules/control_plane"

  name                = var.name
  package             = coalesce(var.package, "${path.module}/../../build/package")
  domain              = var.domain
  memory_mb           = var.function_memory_mb
  api_rate            = var.api_rate
  log_days            = var.log_days
  log_level           = var.log_level
  allowed_addresses   = var.allowed_addresses
  settings            = var.settings
  deletion_protection = var.deletion_protection
  kms_key_arn         = var.kms_key_arn
  table_arns          = module.data.table_arns
  bucket_arns         = module.data.bucket_arns
  queue_arns          = module.bus.queue_arns
  dead_letter_arns    = module.bus.dead_letter_arns
  topic_arns          = module.bus.topic_arns
  tags                = local.tags
}

module "observability" {
  source = "./modules/observability"

  name              = var.name
  alarms            = var.alarms
  alarm_emails      = var.alarm_emails
  dashboard         = var.dashboard
  budget_usd        = var.budget_usd
  queue_names       = module.bus.queue_names
  dead_letter_names = module.bus.dead_letter_names
  function_names    = module.control_plane.function_names
  api_name          = module.control_plane.api_name
  tags              = local.tags
}

module "dns_tls" {
  source = "./modules/dns_tls"

  name   = var.name
  domain = var.domain
  # Without a load balancer there is nothing that the names could lead to.
  zone_id           = var.lb_dns_name == null ? null : var.route53_zone_id
  lb_dns_name       = var.lb_dns_name
  lb_zone_id        = var.lb_zone_id
  certificate_store = var.certificate_store
  kms_key_arn       = var.kms_key_arn
  tags              = local.tags
}
