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

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

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
  sweep_parts         = var.sweep_parts
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

module "host_artifacts" {
  source = "./modules/host_artifacts"

  package    = coalesce(var.hosts_package, "${path.module}/../../build/hosts")
  bucket     = module.data.bucket_names["artifacts"]
  bucket_arn = module.data.bucket_arns["artifacts"]
  tags       = local.tags
}

# What every agent is told, and what its rights are made of.
locals {
  host_settings = merge(
    {
      ZF_PREFIX            = var.name
      ZF_ACCOUNT           = data.aws_caller_identity.current.account_id
      ZF_DOMAIN            = var.domain
      ZF_PROFILE           = "cloud"
      ZF_LOG_LEVEL         = var.log_level
      ZF_ALLOWED_ADDRESSES = join(",", var.allowed_addresses)
      # On loopback, for what watches the agent, and what drains it.
      ZF_HTTP_PORT = "9080"
    },
    var.settings,
  )

  host_policies = {
    for kind in ["dea", "router"] : kind => templatefile("${path.module}/../iam/policies/${kind}.json", {
      partition  = data.aws_partition.current.partition
      region     = data.aws_region.current.region
      account    = data.aws_caller_identity.current.account_id
      name       = var.name
      queue_arns = module.bus.queue_arns
      topic_arns = module.bus.topic_arns
    })
  }
}

module "dea_pool" {
  source = "./modules/dea_pool"

  name                     = var.name
  artifacts                = module.host_artifacts.artifacts
  image_id                 = var.image_id
  instance_types           = var.dea_instance_types
  min_size                 = var.dea_min
  max_size                 = var.dea_max
  on_demand_base           = var.dea_on_demand_base
  on_demand_percent        = var.dea_on_demand_percent
  disk_gb                  = var.dea_disk_gb
  settings                 = local.host_settings
  policy                   = local.host_policies["dea"]
  hm_queue_arn             = module.bus.queue_arns["hm"]
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.private_subnet_ids
  public_address           = var.nat == "none"
  router_security_group_id = module.router_pool.security_group_id
  kms_key_arn              = var.kms_key_arn
  tags                     = local.tags
}

module "router_pool" {
  source = "./modules/router_pool"

  name                  = var.name
  artifacts             = module.host_artifacts.artifacts
  image_id              = var.image_id
  instance_types        = var.router_instance_types
  min_size              = var.router_min
  max_size              = var.router_max
  settings              = local.host_settings
  policy                = local.host_policies["router"]
  certificates          = module.dns_tls.certificates
  certificates_policy   = module.dns_tls.certificates_policy
  api_endpoint          = module.control_plane.api_endpoint
  vpc_id                = module.network.vpc_id
  subnet_ids            = module.network.public_subnet_ids
  dea_security_group_id = module.dea_pool.security_group_id
  deletion_protection   = var.deletion_protection
  kms_key_arn           = var.kms_key_arn
  tags                  = local.tags
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
  autoscaling_group_names = {
    dea    = module.dea_pool.autoscaling_group_name
    router = module.router_pool.autoscaling_group_name
  }
  tags = local.tags
}

module "dns_tls" {
  source = "./modules/dns_tls"

  name              = var.name
  domain            = var.domain
  zone_id           = var.route53_zone_id
  lb_dns_name       = module.router_pool.lb_dns_name
  lb_zone_id        = module.router_pool.lb_zone_id
  certificate_store = var.certificate_store
  kms_key_arn       = var.kms_key_arn
  tags              = local.tags
}
