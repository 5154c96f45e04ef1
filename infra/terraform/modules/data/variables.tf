variable "name" {
  description = "The installation's name: it starts the name of everything that is made. Functions and hosts are told it as ZF_PREFIX."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name must have 3 to 24 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen."
  }
}

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

variable "kms_key_arn" {
  description = "ARN of your own KMS key, for tables and buckets. null: keys that AWS owns, which cost nothing. A key of your own costs 1.00 USD a month and 0.03 USD per 10,000 requests."
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

