variable "package" {
  description = "The folder with hosts.json, hosts.tar.gz and stack.tar.gz, which make hosts-artifacts makes."
  type        = string

  validation {
    condition     = fileexists("${var.package}/hosts.json") && fileexists("${var.package}/hosts.tar.gz")
    error_message = "package has no hosts.json and hosts.tar.gz in it: make hosts-artifacts makes them in build/hosts."
  }
}

variable "bucket" {
  description = "Name of the bucket that hosts fetch from."
  type        = string
}

variable "bucket_arn" {
  description = "ARN of the same bucket."
  type        = string
}

variable "tags" {
  description = "Tags of everything that can have tags."
  type        = map(string)
  default     = {}
}
