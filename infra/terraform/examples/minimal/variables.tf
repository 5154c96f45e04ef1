variable "region" {
  description = "The AWS region, such as eu-central-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as eu-central-1."
  }
}

variable "name" {
  description = "The installation's name: it starts the name of everything that is made. Buckets are among it, whose names are unique in the world: take something of your own, such as acme-paas."
  type        = string
}

variable "alarm_emails" {
  description = "Addresses that hear of alarms."
  type        = list(string)
  default     = []
}

variable "domain" {
  description = "The platform's domain, such as apps.example.com: apps are NAME.DOMAIN, the API is api.DOMAIN."
  type        = string
}

variable "route53_zone_id" {
  description = "The Route 53 hosted zone of the domain, or of one above it; null when its names are kept elsewhere."
  type        = string
  default     = null
}
