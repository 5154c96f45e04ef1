# Hosts that AWS does not run (docs/hybrid.md). The API assumes this role for each, and narrows it to the host's own queue.

resource "aws_iam_role" "dea_joined" {
  name        = "${var.name}-dea-joined"
  description = "What DEAs of ${var.name} outside AWS may do; each gets it from the API, for its own queue alone."
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = aws_iam_role.this["api_handler"].arn }
    }]
  })
}

resource "aws_iam_role_policy" "dea_joined" {
  name   = "own"
  role   = aws_iam_role.dea_joined.name
  policy = templatefile("${path.module}/../../../iam/policies/dea.json", local.rights)
}

resource "aws_iam_role_policy" "dea_joined_key" {
  count = var.kms_key_arn == null ? 0 : 1

  name   = "key"
  role   = aws_iam_role.dea_joined.name
  policy = local.use_of_the_key
}
