variable "name" {
  description = "The installation's name: it starts the name of everything that is made. Functions and hosts are told it as ZF_PREFIX."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name must have 3 to 24 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen."
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
  description = "Types of machines, the preferred first; several, where spot instances are used. Empty: m7g.large or m7i.large."
  type        = list(string)
  default     = []
}

variable "min_size" {
  description = "How many DEAs there are at least."
  type        = number
}

variable "max_size" {
  description = "How many DEAs there are at most: one more than the minimum at least, for the one that takes over when another is replaced."
  type        = number
}

variable "on_demand_base" {
  description = "So many DEAs are never spot instances."
  type        = number
}

variable "on_demand_percent" {
  description = "Percentage of the other DEAs that are not spot instances."
  type        = number
}

variable "disk_gb" {
  description = "Size of each disk in GB."
  type        = number
}

variable "isolation_segment" {
  description = "The isolation segment whose apps alone run here; empty for those of none."
  type        = string
  default     = ""
}

variable "settings" {
  description = "What all hosts are told: prefix, account, intervals."
  type        = map(string)
}

variable "policy" {
  description = "The DEAs' rights (JSON), of infra/iam."
  type        = string
}

variable "hm_queue_arn" {
  description = "ARN of the HealthManager's queue."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Where the DEAs stand, one per zone."
  type        = list(string)
}

variable "public_address" {
  description = "Give each a public address (3.65 USD a month), for what it fetches where there is no NAT."
  type        = bool
}

variable "router_security_group_id" {
  description = "The routers' security group: what may connect to apps."
  type        = string
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
