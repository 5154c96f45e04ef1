# Records of connections, where they are wanted.

locals {
  flow_logs = var.flow_log_days > 0 ? { this = var.flow_log_days } : {}
}

resource "aws_cloudwatch_log_group" "flow" {
  #checkov:skip=CKV_AWS_158:AWS-owned keys by default; kms_key_arn is the variable for one's own.
  #checkov:skip=CKV_AWS_338:How long is the owner's choice, and each GB has its price.
  for_each = local.flow_logs

  name              = "/${var.name}/flow"
  retention_in_days = each.value
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role" "flow" {
  for_each = local.flow_logs

  name = "${var.name}-flow-logs"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
  tags = var.tags
}

resource "aws_iam_role_policy" "flow" {
  for_each = local.flow_logs

  name = "write"
  role = aws_iam_role.flow[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
      Resource = "${aws_cloudwatch_log_group.flow[each.key].arn}:*"
    }]
  })
}

resource "aws_flow_log" "this" {
  for_each = local.flow_logs

  vpc_id          = aws_vpc.this.id
  traffic_type    = "ALL"
  iam_role_arn    = aws_iam_role.flow[each.key].arn
  log_destination = aws_cloudwatch_log_group.flow[each.key].arn
  tags            = merge(var.tags, { Name = var.name })
}
