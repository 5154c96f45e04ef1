# The platform's names, and the place of the certificates that the routers end TLS with.
# Terraform never sees a private key, so none is in its state: the owner puts certificates in their place by the command
# that the output upload_command tells, and routers read them there within five minutes (docs/tls.md).

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  here = "${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}"
  path = "/${var.name}/tls"

  in_secret  = var.certificate_store == "secretsmanager"
  parameters = "arn:${data.aws_partition.current.partition}:ssm:${local.here}:parameter${local.path}"

  # What the API and the apps are called. The wildcard covers both; the API's own record outlives a wildcard that somebody
  # takes for himself.
  hosts = toset(["*.${var.domain}", "api.${var.domain}"])

  read_certificates = concat(
    [
      for secret in aws_secretsmanager_secret.certificate : {
        Sid      = "ReadCertificate"
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = secret.arn
      }
    ],
    [
      for path in local.in_secret ? [] : [local.parameters] : {
        Sid      = "ReadCertificates"
        Effect   = "Allow"
        Action   = "ssm:GetParametersByPath"
        Resource = [path, "${path}/*"]
      }
    ],
    [
      # Keys that AWS owns or manages need no right of their own.
      for key in var.kms_key_arn == null ? [] : [var.kms_key_arn] : {
        Sid       = "DecryptCertificates"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = key
        Condition = { StringEquals = { "kms:ViaService" = "${var.certificate_store}.${data.aws_region.current.region}.amazonaws.com" } }
      }
    ],
  )

  upload_commands = {
    ssm = join(" ", concat(
      ["aws ssm put-parameter --region ${data.aws_region.current.region} --name ${local.path}/wildcard"],
      ["--type SecureString --tier Intelligent-Tiering"],
      [for key in var.kms_key_arn == null ? [] : [var.kms_key_arn] : "--key-id ${key}"],
      ["--overwrite --value file://wildcard.pem"],
    ))
    secretsmanager = join(" ", [
      "aws secretsmanager put-secret-value --region ${data.aws_region.current.region}",
      "--secret-id ${var.name}-tls --secret-string file://wildcard.pem",
    ])
  }
}

resource "aws_route53_record" "this" {
  for_each = var.zone_id == null ? toset([]) : local.hosts

  zone_id = var.zone_id
  name    = each.key
  type    = "A"

  alias {
    name                   = var.lb_dns_name
    zone_id                = var.lb_zone_id
    evaluate_target_health = true
  }

  lifecycle {
    precondition {
      condition     = var.lb_dns_name != null && var.lb_zone_id != null
      error_message = "zone_id asks for records; lb_dns_name and lb_zone_id must say what they lead to."
    }
  }
}

resource "aws_secretsmanager_secret" "certificate" {
  #checkov:skip=CKV_AWS_149:kms_key_arn is the variable for who wants a key of one's own; it costs 1.00 USD a month.
  #checkov:skip=CKV2_AWS_57:A certificate is renewed by whoever issued it, not by a function that makes up a new password.
  count = local.in_secret ? 1 : 0

  name                    = "${var.name}-tls"
  description             = "Certificate and private key of *.${var.domain}, PEM, for the routers of ${var.name}."
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = 7
  tags                    = var.tags
}
