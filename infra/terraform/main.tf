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

module "observability" {
  source = "./modules/observability"

  name              = var.name
  alarms            = var.alarms
  alarm_emails      = var.alarm_emails
  dashboard         = var.dashboard
  budget_usd        = var.budget_usd
  queue_names       = module.bus.queue_names
  dead_letter_names = module.bus.dead_letter_names
  tags              = local.tags
}

module "dns_tls" {
  source = "./modules/dns_tls"
  count  = var.domain == null ? 0 : 1

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
