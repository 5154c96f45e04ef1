variable "name" {
  description = "The installation's name: it starts the name of everything that is made. Functions and hosts are told it as ZF_PREFIX."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name must have 3 to 24 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen."
  }
}

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

variable "dead_letter_names" {
  description = "Names of the dead-letter queues, by the names of the queues that they stand beside."
  type        = map(string)
}

variable "queue_names" {
  description = "Names of the queues, by their names in infra/topology.json."
  type        = map(string)
}

variable "function_names" {
  description = "Names of the functions, by their names in the code (api_handler, cc_inbox, hm_inbox, ...); without any, nothing watches them."
  type        = map(string)
  default     = {}
}

variable "api_name" {
  description = "Name of the REST API in API Gateway; null: nothing watches it."
  type        = string
  default     = null
}

variable "autoscaling_group_names" {
  description = "Names of the groups of hosts: dea, router."
  type        = map(string)
  default     = {}
}

variable "tags" {
  description = "Tags of everything that can have tags."
  type        = map(string)
  default     = {}
}
