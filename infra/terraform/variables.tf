variable "name" {
  description = "The installation's name: it starts the name of everything that is made. Buckets are among it, whose names are unique in the world: take something of your own, such as acme-paas."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name must have 3 to 24 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen."
  }
}

variable "tags" {
  description = "Tags of everything that can have tags, beside the tag zerofoundry, which is the name."
  type        = map(string)
  default     = {}
}

variable "kms_key_arn" {
  description = "ARN of your own KMS key, for encryption at rest of tables, buckets, queues and logs. null: keys that AWS owns, which cost nothing. A key of your own costs 1.00 USD a month and 0.03 USD per 10,000 requests. Its policy must let sns, events and logs of this account use it."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID), not an alias or an id."
  }
}

# -- network ------------------------------------------------------------------------------------------------------------

variable "zone_count" {
  description = "Over how many availability zones hosts are spread. One is the cheapest and falls with its zone."
  type        = number
  default     = 3

  validation {
    condition     = contains([1, 2, 3, 4, 5, 6], var.zone_count)
    error_message = "zone_count must be a whole number from 1 to 6, and no more than the region has."
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
  description = "How long records of all connections in the VPC are kept, in days; 0 keeps none. They cost 0.50 USD per GB written to CloudWatch Logs."
  type        = number
  default     = 0

  validation {
    condition     = contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.flow_log_days)
    error_message = "flow_log_days must be 0 or a retention that CloudWatch Logs has: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

# -- names and certificates -----------------------------------------------------------------------------------------------

variable "domain" {
  description = "The platform's domain: apps are NAME.DOMAIN, the API is api.DOMAIN."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.domain))
    error_message = "domain must be a name of two parts or more in lower case, such as apps.example.com, without a star or a dot at its end."
  }
}

variable "route53_zone_id" {
  description = "The Route 53 hosted zone of the domain, or of one above it: *.DOMAIN and api.DOMAIN are made in it (a zone costs 0.50 USD a month). null: you point them to the load balancer elsewhere."
  type        = string
  default     = null

  validation {
    condition     = var.route53_zone_id == null || can(regex("^Z[A-Z0-9]{5,31}$", var.route53_zone_id))
    error_message = "route53_zone_id must be the id of a hosted zone, such as Z0123456789ABCDEFGHIJ, not its name."
  }
}

variable "lb_dns_name" {
  description = "Name of the load balancer before the routers, which the names lead to; null until there is one."
  type        = string
  default     = null

  validation {
    condition     = var.lb_dns_name == null || can(regex("^[A-Za-z0-9.-]+\\.[a-z.]+$", var.lb_dns_name))
    error_message = "lb_dns_name must be a name such as acme-123.elb.eu-central-1.amazonaws.com."
  }
}

variable "lb_zone_id" {
  description = "The hosted zone of the load balancer's own name, which AWS tells beside it."
  type        = string
  default     = null

  validation {
    condition     = var.lb_zone_id == null || can(regex("^Z[A-Z0-9]{5,31}$", var.lb_zone_id))
    error_message = "lb_zone_id must be the id of a hosted zone, such as Z26RNL4JYFTOTI."
  }

  validation {
    condition     = (var.lb_zone_id == null) == (var.lb_dns_name == null)
    error_message = "lb_zone_id and lb_dns_name belong together: give both or none."
  }
}

variable "certificate_store" {
  description = "Where you put certificates, and routers read them. ssm: parameters below /NAME/tls, for nothing up to 4 KB each and 0.05 USD a month each above that. secretsmanager: the one secret NAME-tls, 0.40 USD a month and 0.05 USD per 10,000 reads."
  type        = string
  default     = "ssm"

  validation {
    condition     = contains(["ssm", "secretsmanager"], var.certificate_store)
    error_message = "certificate_store must be ssm or secretsmanager."
  }
}

# -- the control plane ----------------------------------------------------------------------------------------------------

variable "package" {
  description = "The folder with functions.zip and functions.json. null: build/package of this project, where make package puts them."
  type        = string
  default     = null

  validation {
    condition     = var.package == null || try(fileexists("${var.package}/functions.zip"), false)
    error_message = "package must be a folder that has functions.zip in it; make package makes one."
  }
}

variable "function_memory_mb" {
  description = "Memory of each function in MB. Its share of a processor grows with it, its price, too: 0.0000133 USD per GB and second on arm64."
  type        = number
  default     = 512

  validation {
    condition     = var.function_memory_mb >= 256 && var.function_memory_mb <= 10240 && floor(var.function_memory_mb) == var.function_memory_mb
    error_message = "function_memory_mb must be a whole number from 256 to 10240."
  }
}

variable "api_rate" {
  description = "Requests to the API per second, over all clients; twice as many in a burst. More are answered 429. A million requests cost about 3.50 USD."
  type        = number
  default     = 100

  validation {
    condition     = var.api_rate >= 1 && var.api_rate <= 10000
    error_message = "api_rate must be from 1 to 10000, which is what an account has for all its APIs unless AWS raised it."
  }
}

variable "log_days" {
  description = "How long the functions' logs are kept, in days. 0.03 USD per GB and month, beside 0.50 USD per GB when they are written."
  type        = number
  default     = 14

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_days)
    error_message = "log_days must be a retention that CloudWatch Logs has: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "log_level" {
  description = "From which level on functions and hosts log: DEBUG, INFO, WARN or ERROR."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "WARN", "ERROR"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARN or ERROR."
  }
}

variable "allowed_addresses" {
  description = "Networks where the platform may connect at a user's word (service brokers, log drains) although they are not public, such as 10.20.0.0/16."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for network in var.allowed_addresses : can(cidrhost(network, 0))])
    error_message = "allowed_addresses must be networks, such as 10.20.0.0/16."
  }
}

variable "settings" {
  description = "Further variables of the environment of functions and hosts: intervals, as chalicelib/core/timers.py names them (ZF_BID_WINDOW_S)."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.settings) : can(regex("^ZF_[A-Z_]+$", key))])
    error_message = "settings must have names that begin with ZF_, such as ZF_BID_WINDOW_S."
  }
}

# -- what is kept -------------------------------------------------------------------------------------------------------

variable "deletion_protection" {
  description = "Refuse to delete tables, and buckets that hold anything. Set it to false, and apply, before terraform destroy."
  type        = bool
  default     = true
}

variable "point_in_time_recovery" {
  description = "Keep the tables restorable to every second of the last 35 days. 0.20 USD per GB and month: cents, for what the control plane keeps."
  type        = bool
  default     = true
}

# -- what watches -------------------------------------------------------------------------------------------------------

variable "alarms" {
  description = "Which alarms there are. none; few: dead letters and drift that does not heal (0.50 USD a month at list price); all: also hosts, the API, functions and queues (about 2.30 USD a month). The first ten of an account cost nothing."
  type        = string
  default     = "few"

  validation {
    condition     = contains(["none", "few", "all"], var.alarms)
    error_message = "alarms must be none, few or all."
  }
}

variable "alarm_emails" {
  description = "Addresses that hear of alarms and of the budget. Each must confirm the mail that AWS sends it."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", address))])
    error_message = "alarm_emails must be mail addresses, such as ops@example.com."
  }
}

variable "dashboard" {
  description = "Make a dashboard in CloudWatch. An account's first three cost nothing, each further one 3.00 USD a month."
  type        = bool
  default     = true
}

variable "budget_usd" {
  description = "Mail alarm_emails when the account's costs of a month are forecast to pass this, in USD, and when they have. null: no budget. An account's first two budgets cost nothing."
  type        = number
  default     = null

  validation {
    condition     = var.budget_usd == null || try(var.budget_usd > 0, false)
    error_message = "budget_usd must be above zero, or null for no budget."
  }

  validation {
    condition     = var.budget_usd == null || length(var.alarm_emails) > 0
    error_message = "budget_usd needs somebody to tell: give alarm_emails as well."
  }
}
