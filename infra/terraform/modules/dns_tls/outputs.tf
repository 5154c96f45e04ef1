output "certificates" {
  description = "Where routers read certificates: their ZF_CERTIFICATES."
  value       = local.in_secret ? "secretsmanager:${var.name}-tls" : "ssm:${local.path}"
}

output "certificates_policy" {
  description = "The routers' right to read certificates, and no more: a policy document (JSON) for their role."
  value       = jsonencode({ Version = "2012-10-17", Statement = local.read_certificates })
}

output "upload_command" {
  description = "Puts a certificate in its place: wildcard.pem is the certificate of *.DOMAIN, those of its issuers and its private key, one after the other."
  value       = local.upload_commands[var.certificate_store]
}

output "record_names" {
  description = "The names that lead to the load balancer; empty where the records are kept elsewhere."
  value       = [for record in aws_route53_record.this : record.name]
}
