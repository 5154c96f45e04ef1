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
  description = "Types of machines, the preferred first. Empty: t4g.small or t3.small."
  type        = list(string)
  default     = []
}

variable "min_size" {
  description = "How many routers there are at least."
  type        = number
}

variable "max_size" {
  description = "How many routers there are at most."
  type        = number
}

variable "settings" {
  description = "What all hosts are told: prefix, account, intervals."
  type        = map(string)
}

variable "policy" {
  description = "The routers' rights (JSON), of infra/iam."
  type        = string
}

variable "certificates" {
  description = "Where routers read certificates: their ZF_CERTIFICATES."
  type        = string
}

variable "certificates_policy" {
  description = "The right to read them (JSON)."
  type        = string
}

variable "api_endpoint" {
  description = "The API behind API Gateway, with its stage: the routers' ZF_API_UPSTREAM."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Where the load balancer and the routers stand, one per zone."
  type        = list(string)
}

variable "dea_security_group_id" {
  description = "The DEAs' security group: who sends logs."
  type        = string
}

variable "deletion_protection" {
  description = "Refuse to delete the load balancer."
  type        = bool
  default     = true
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
