variable "name" {
  description = "The installation's name: it starts the name of everything that is made. Functions and hosts are told it as ZF_PREFIX."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name must have 3 to 24 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen."
  }
}

variable "package" {
  description = "The folder with functions.zip and functions.json, which make package makes."
  type        = string

  validation {
    condition     = fileexists("${var.package}/functions.zip") && fileexists("${var.package}/functions.json")
    error_message = "package has no functions.zip and functions.json in it: make package makes them in build/package."
  }
}

variable "domain" {
  description = "The platform's domain: apps are NAME.DOMAIN, the API is api.DOMAIN."
  type        = string
}

variable "memory_mb" {
  description = "Memory of each function in MB. Its share of a processor grows with it; 1,769 MB are a whole one."
  type        = number
  default     = 512

  validation {
    condition     = var.memory_mb >= 256 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "memory_mb must be a whole number from 256 to 10240."
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
  description = "From which level on functions log: DEBUG, INFO, WARN or ERROR."
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
  description = "Further variables of the functions' environment: intervals, as chalicelib/core/timers.py names them (ZF_BID_WINDOW_S)."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.settings) : can(regex("^ZF_[A-Z_]+$", key))])
    error_message = "settings must have names that begin with ZF_, such as ZF_BID_WINDOW_S."
  }
}

variable "deletion_protection" {
  description = "Keep the deleted signing key for 30 days, in which it can be had back."
  type        = bool
  default     = true
}

variable "kms_key_arn" {
  description = "ARN of your own KMS key (1.00 USD a month and 0.03 USD per 10,000 requests); null: keys that AWS owns, for nothing."
  type        = string
  default     = null
}

variable "table_arns" {
  description = "ARNs of the tables, by their names in infra/topology.json."
  type        = map(string)
}

variable "bucket_arns" {
  description = "ARNs of the buckets, by their names in infra/topology.json."
  type        = map(string)
}

variable "queue_arns" {
  description = "ARNs of the queues, by their names in infra/topology.json."
  type        = map(string)
}

variable "dead_letter_arns" {
  description = "ARNs of the dead-letter queues, by the names of the queues that they stand beside."
  type        = map(string)
}

variable "topic_arns" {
  description = "ARNs of the topics, by their names in infra/topology.json."
  type        = map(string)
}

variable "tags" {
  description = "Tags of everything that can have tags."
  type        = map(string)
  default     = {}
}
