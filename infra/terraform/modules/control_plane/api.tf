# The CloudController's API: API Gateway in front of one function. Routers send api.DOMAIN here; who calls it directly
# finds the same API, which asks everybody for a token.

locals {
  api = templatefile("${path.module}/api.json", { function = aws_lambda_function.api_handler.invoke_arn })
}

resource "aws_api_gateway_rest_api" "this" {
  name        = var.name
  description = "The Cloud Foundry API of ${var.name}."
  body        = local.api
  tags        = var.tags

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lambda_permission" "api" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.api_handler.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.this.execution_arn}/*"
}

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id

  triggers = {
    api = sha256(local.api)
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "this" {
  #checkov:skip=CKV_AWS_76:The function logs every request that fails, with its trace; a second log would cost as much again.
  #checkov:skip=CKV2_AWS_4:The function logs every request that fails, with its trace; a second log would cost as much again.
  #checkov:skip=CKV_AWS_73:Traces go through the platform as X-Vcap-Request-Id; X-Ray would be paid for by every request.
  #checkov:skip=CKV_AWS_120:Answers depend on who asks and must not be stale: there is nothing to cache.
  #checkov:skip=CKV2_AWS_51:Clients have tokens, not certificates.
  #checkov:skip=CKV2_AWS_29:A firewall costs 5 USD a month and more; the owner can put one before the routers.
  rest_api_id   = aws_api_gateway_rest_api.this.id
  deployment_id = aws_api_gateway_deployment.this.id
  stage_name    = "cf"
  description   = "What routers reach as api.${var.domain}."
  tags          = var.tags
}

# Beyond this API Gateway answers 429 itself: neither a loop nor an attack can make a bill without limit.
resource "aws_api_gateway_method_settings" "all" {
  #checkov:skip=CKV_AWS_225:Answers depend on who asks and must not be stale: there is nothing to cache.
  #checkov:skip=CKV_AWS_308:There is no cache that could be encrypted.
  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "*/*"

  settings {
    throttling_rate_limit  = var.api_rate
    throttling_burst_limit = var.api_rate * 2
    metrics_enabled        = false
    logging_level          = "OFF"
  }
}
