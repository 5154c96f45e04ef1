variable "name" {
  description = "The installation's name: it starts the name of everything that is made. Functions and hosts are told it as ZF_PREFIX."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name must have 3 to 24 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen."
  }
}

variable "kind" {
  description = "What its machines are: dea or router."
  type        = string

  validation {
    condition     = contains(["dea", "router"], var.kind)
    error_message = "kind must be dea or router."
  }
}

variable "artifacts" {
  description = "What hosts fetch when they boot: the output of module host_artifacts."
  type = object({
    architecture   = string
    bucket         = string
    bucket_arn     = string
    archive_key    = string
    archive_sha256 = string
    stack_key      = optional(string)
    stack_sha256   = optional(string)
  })
}

variable "image_id" {
  description = "An AMI of your own, like Amazon Linux 2023 and of the packages' architecture; null: AWS's newest."
  type        = string
  default     = null
}

variable "instance_types" {
  description = "Types of machines, the preferred first; empty: small ones of the packages' architecture."
  type        = list(string)
}

variable "min_size" {
  description = "How many machines there are at least."
  type        = number
}

variable "max_size" {
  description = "How many machines there are at most."
  type        = number
}

variable "on_demand_base" {
  description = "So many machines are never spot instances."
  type        = number
  default     = 0
}

variable "on_demand_percent" {
  description = "Percentage of the others that are not spot instances."
  type        = number
  default     = 100
}

variable "disk_gb" {
  description = "Size of each disk in GB."
  type        = number
}

variable "packages" {
  description = "Packages of Amazon Linux, beside Python."
  type        = list(string)
  default     = []
}

variable "settings" {
  description = "The agents' environment: what all hosts of the kind are told."
  type        = map(string)
}

variable "policies" {
  description = "What hosts may do: policy documents (JSON) by name."
  type        = map(string)
}

variable "subnet_ids" {
  description = "Where the machines stand, one per zone."
  type        = list(string)
}

variable "security_group_id" {
  description = "What may connect to them."
  type        = string
}

variable "public_address" {
  description = "Give each a public address (3.65 USD a month), for what it fetches where there is no NAT."
  type        = bool
}

variable "target_group_arns" {
  description = "Groups of the load balancer that send to them."
  type        = list(string)
  default     = []
}

variable "drain_s" {
  description = "How long a machine that is to end may take to drain, in seconds; null: it ends at once."
  type        = number
  default     = null
}

variable "kms_key_arn" {
  description = "ARN of your own KMS key, for the disks (1.00 USD a month and 0.03 USD per 10,000 requests; its policy must let autoscaling use it). null: a key that AWS keeps for EBS, for nothing."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything that can have tags."
  type        = map(string)
  default     = {}
}
