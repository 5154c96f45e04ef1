variable "name" {
  description = "The installation's name: it starts the name of everything that is made. Functions and hosts are told it as ZF_PREFIX."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name must have 3 to 24 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen."
  }
}

variable "domain" {
  description = "The platform's domain: apps are NAME.DOMAIN, the API is api.DOMAIN."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.domain)) && length(var.domain) <= 190
    error_message = "domain must be a name of two parts or more in lower case, such as apps.example.com, without a star or a dot at its end."
  }
}

variable "zone_id" {
  description = "The Route 53 hosted zone that the records are made in: of the domain, or of one above it. null: no records; the owner points *.DOMAIN and api.DOMAIN to the load balancer elsewhere."
  type        = string
  default     = null

  validation {
    condition     = var.zone_id == null || can(regex("^Z[A-Z0-9]{5,31}$", var.zone_id))
    error_message = "zone_id must be the id of a hosted zone, such as Z0123456789ABCDEFGHIJ, not its name."
  }
}

variable "lb_dns_name" {
  description = "Name of the load balancer before the routers. Needed with zone_id."
  type        = string
  default     = null
}

variable "lb_zone_id" {
  description = "The hosted zone of the load balancer's own name, which AWS tells beside it. Needed with zone_id."
  type        = string
  default     = null
}

variable "certificate_store" {
  description = "Where the owner puts certificates, and routers read them. ssm: parameters below /NAME/tls, any number, for nothing up to 4 KB each and 0.05 USD a month each above that. secretsmanager: the one secret NAME-tls, 0.40 USD a month and 0.05 USD per 10,000 reads (a router reads it 8,640 times a month)."
  type        = string
  default     = "ssm"

  validation {
    condition     = contains(["ssm", "secretsmanager"], var.certificate_store)
    error_message = "certificate_store must be ssm or secretsmanager."
  }
}

variable "kms_key_arn" {
  description = "ARN of your own KMS key, for the certificates. null: a key that AWS keeps for the service, which costs nothing. A key of your own costs 1.00 USD a month and 0.03 USD per 10,000 requests."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID), not an alias or an id."
  }
}

variable "tags" {
  description = "Tags of everything that can have tags."
  type        = map(string)
  default     = {}
}
