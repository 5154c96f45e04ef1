# The cheapest installation that is one: one zone, one router, one DEA. It falls with its zone, and heals when that is back.
# docs/aws.md says what it costs and how to begin.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "aws" {
  region = var.region
}

module "zerofoundry" {
  source = "../.."

  name            = var.name
  domain          = var.domain
  route53_zone_id = var.route53_zone_id
  alarm_emails    = var.alarm_emails

  zone_count          = 1
  dea_min             = 1
  dea_max             = 2
  router_min          = 1
  router_max          = 2
  deletion_protection = false
}
