output "api_endpoint" {
  description = "The API itself, without routers: their ZF_API_UPSTREAM."
  value       = aws_api_gateway_stage.this.invoke_url
}

output "api_name" {
  description = "Name of the REST API in API Gateway."
  value       = aws_api_gateway_rest_api.this.name
}

output "function_names" {
  description = "Names of the functions, by their names in the code."
  value       = { for name in local.functions : name => "${var.name}-${name}" }

  # Who watches a function's log wants the log to be there.
  depends_on = [aws_cloudwatch_log_group.this]
}

output "signing_key_arn" {
  description = "ARN of the secret with the signing key."
  value       = aws_secretsmanager_secret.signing_key.arn
}
