variable "name" {
  description = "The installation's name: it starts the name of everything that is made. Functions and hosts are told it as ZF_PREFIX."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name must have 3 to 24 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen."
  }
}

variable "retention_s" {
  description = "How long a message waits for a function that does not take it, in seconds."
  type        = number
  default     = 345600

  validation {
    condition     = var.retention_s >= 3600 && var.retention_s <= 1209600 && floor(var.retention_s) == var.retention_s
    error_message = "retention_s must be a whole number from 3600 (an hour) to 1209600 (14 days, the most that SQS keeps)."
  }
}

variable "kms_key_arn" {
  description = "ARN of your own KMS key, for topics and queues. Its policy must let sns.amazonaws.com and events.amazonaws.com use it. null: SQS encrypts queues with keys of its own, at no cost; topics pass messages on and keep none. A key of your own costs 1.00 USD a month and 0.03 USD per 10,000 requests."
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

