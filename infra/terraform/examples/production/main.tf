# Three zones, each with a router and with DEAs behind a NAT gateway of its own; every alarm; a budget.
# docs/aws.md says what it costs and how to begin.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }

  # Keep the state where your team finds it, encrypted and locked:
  # backend "s3" {
  #   bucket       = "acme-terraform"
  #   key          = "zerofoundry/production"
  #   region       = "eu-central-1"
  #   encrypt      = true
  #   use_lockfile = true
  # }
}

provider "aws" {
  region = var.region
}

module "zerofoundry" {
  source = "../.."

  name         = var.name
  alarm_emails = var.alarm_emails
  budget_usd   = var.budget_usd

  domain          = var.domain
  route53_zone_id = var.route53_zone_id

  zone_count    = 3
  dea_min       = 3
  dea_max       = 12
  router_min    = 3
  router_max    = 6
  nat           = "per_zone"
  flow_log_days = 30
  alarms        = "all"
}
