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

variable "sweep_parts" {
  description = "Into how many calls at once the HealthManager's full sweep of every minute is divided: one for every 600 DEAs or 125,000 instances (docs/scale.md)."
  type        = number
  default     = 1

  validation {
    condition     = contains([1, 2, 3, 4, 5], var.sweep_parts)
    error_message = "sweep_parts must be a whole number from 1 to 5: a rule of EventBridge has five targets."
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

# -- hosts ----------------------------------------------------------------------------------------------------------------

variable "hosts_package" {
  description = "The folder with hosts.json, hosts.tar.gz and stack.tar.gz. null: build/hosts of this project, where make hosts-artifacts puts them."
  type        = string
  default     = null

  validation {
    condition     = var.hosts_package == null || try(fileexists("${var.hosts_package}/hosts.json"), false)
    error_message = "hosts_package must be a folder that has hosts.json in it; make hosts-artifacts makes one."
  }
}

variable "image_id" {
  description = "An AMI of your own for all hosts, like Amazon Linux 2023 and of the packages' architecture; null: AWS's newest, which a later apply brings to the hosts one by one."
  type        = string
  default     = null

  validation {
    condition     = var.image_id == null || can(regex("^ami-[0-9a-f]{8,17}$", var.image_id))
    error_message = "image_id must be the id of an AMI, such as ami-0123456789abcdef0."
  }
}

variable "dea_instance_types" {
  description = "Types of machines for apps, the preferred first; give several where spot instances are used. Empty: m7g.large or m7i.large, by the packages' architecture (8 GB, some 60 to 74 USD a month)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for type in var.dea_instance_types : can(regex("^[a-z0-9-]+[.][a-z0-9-]+$", type))])
    error_message = "dea_instance_types must be types of EC2, such as m7g.large."
  }
}

variable "dea_min" {
  description = "How many DEAs there are at least. Each costs what its machine does."
  type        = number
  default     = 2

  validation {
    condition     = var.dea_min >= 0 && floor(var.dea_min) == var.dea_min
    error_message = "dea_min must be a whole number."
  }
}

variable "dea_max" {
  description = "How many DEAs there are at most; more than dea_min, so that one can be replaced before it ends."
  type        = number
  default     = 10

  validation {
    condition     = var.dea_max > var.dea_min && floor(var.dea_max) == var.dea_max
    error_message = "dea_max must be a whole number above dea_min: a DEA that is replaced ends after its replacement is there."
  }
}

variable "dea_on_demand_base" {
  description = "So many DEAs are never spot instances."
  type        = number
  default     = 1

  validation {
    condition     = var.dea_on_demand_base >= 0 && floor(var.dea_on_demand_base) == var.dea_on_demand_base
    error_message = "dea_on_demand_base must be a whole number."
  }
}

variable "dea_on_demand_percent" {
  description = "Percentage of the other DEAs that are not spot instances. Below 100 hosts cost up to 70 % less, and are taken away at two minutes' notice, in which they drain."
  type        = number
  default     = 100

  validation {
    condition     = var.dea_on_demand_percent >= 0 && var.dea_on_demand_percent <= 100
    error_message = "dea_on_demand_percent must be from 0 to 100."
  }
}

variable "dea_disk_gb" {
  description = "Size of each DEA's disk in GB, for images, droplets and what apps write; 0.08 USD per GB and month."
  type        = number
  default     = 64

  validation {
    condition     = var.dea_disk_gb >= 20 && var.dea_disk_gb <= 16384
    error_message = "dea_disk_gb must be from 20 to 16384."
  }
}

variable "router_instance_types" {
  description = "Types of machines for routers, the preferred first. Empty: t4g.small or t3.small, by the packages' architecture (some 12 to 15 USD a month)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for type in var.router_instance_types : can(regex("^[a-z0-9-]+[.][a-z0-9-]+$", type))])
    error_message = "router_instance_types must be types of EC2, such as t4g.small."
  }
}

variable "router_min" {
  description = "How many routers there are at least; with one, its replacement takes minutes without any."
  type        = number
  default     = 2

  validation {
    condition     = var.router_min >= 0 && floor(var.router_min) == var.router_min
    error_message = "router_min must be a whole number."
  }
}

variable "router_max" {
  description = "How many routers there are at most; more than router_min, so that one can be replaced before it ends."
  type        = number
  default     = 6

  validation {
    condition     = var.router_max > var.router_min && floor(var.router_max) == var.router_max
    error_message = "router_max must be a whole number above router_min: a router that is replaced ends after its replacement is there."
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
