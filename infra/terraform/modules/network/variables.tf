variable "name" {
  description = "The installation's name: it starts the name of everything that is made. Functions and hosts are told it as ZF_PREFIX."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name must have 3 to 24 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen."
  }
}

variable "zones" {
  description = "Names of the availability zones to spread over, such as [\"eu-central-1a\", \"eu-central-1b\"]."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 1 && length(var.zones) <= 6 && length(distinct(var.zones)) == length(var.zones)
    error_message = "zones must name one to six different availability zones."
  }
}

variable "cidr" {
  description = "Addresses of the VPC: a private /16 to /22. Each zone gets two sixteenths of it, one for routers and one for DEAs."
  type        = string
  default     = "10.64.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && can(regex("/(1[6-9]|2[0-2])$", var.cidr))
    error_message = "cidr must be a block of addresses with a prefix from /16 to /22, such as 10.64.0.0/16."
  }

  validation {
    condition     = can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.cidr))
    error_message = "cidr must lie in the private addresses of RFC 1918 (10/8, 172.16/12, 192.168/16)."
  }
}

variable "nat" {
  description = "How DEAs reach other networks. none: by public addresses of their own that nothing can connect to (3.65 USD a month for each host's address). one: through one NAT gateway (32.85 USD a month and 0.045 USD per GB; its zone is a single point of failure). per_zone: through one in every zone (as much for each)."
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "one", "per_zone"], var.nat)
    error_message = "nat must be none, one or per_zone."
  }
}

variable "flow_log_days" {
  description = "How long records of all connections in the VPC are kept, in days; 0 keeps none. They cost 0.50 USD per GB written to CloudWatch Logs, which a busy installation feels."
  type        = number
  default     = 0

  validation {
    condition     = contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.flow_log_days)
    error_message = "flow_log_days must be 0 or a retention that CloudWatch Logs has: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "kms_key_arn" {
  description = "ARN of your own KMS key, for the flow logs. It must let CloudWatch Logs use it. null: keys that AWS owns, which cost nothing. A key of your own costs 1.00 USD a month and 0.03 USD per 10,000 requests."
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

