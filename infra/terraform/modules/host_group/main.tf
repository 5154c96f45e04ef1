# A group of machines of one kind, dea or router: what they are made of, how many, what they may do, what they install.
# dea_pool and router_pool say the rest.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

# Amazon Linux 2023: it has AWS's own tools, the SSM agent among them, so that nobody needs ssh.
data "aws_ssm_parameter" "image" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${local.architecture}"
}

locals {
  full_name    = "${var.name}-${var.kind}"
  architecture = var.artifacts.architecture
  here         = "${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}"

  types = coalescelist(var.instance_types, {
    arm64  = { dea = ["m7g.large", "m6g.large"], router = ["t4g.small"] }
    x86_64 = { dea = ["m7i.large", "m6i.large"], router = ["t3.small"] }
  }[local.architecture][var.kind])

  user_data = templatefile("${path.module}/../../../hosts/user-data.sh.tftpl", {
    name           = var.name
    kind           = var.kind
    group          = local.full_name
    hook           = "ready"
    region         = data.aws_region.current.region
    packages       = join(" ", concat(["python3.11"], var.packages))
    bucket         = var.artifacts.bucket
    archive_key    = var.artifacts.archive_key
    archive_sha256 = var.artifacts.archive_sha256
    stack_key      = var.artifacts.stack_key
    stack_sha256   = var.artifacts.stack_sha256
    settings       = merge(var.settings, { AWS_DEFAULT_REGION = data.aws_region.current.region })
  })
}

resource "aws_iam_role" "this" {
  name        = local.full_name
  description = "What hosts of kind ${var.kind} of ${var.name} may do."
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "own" {
  for_each = var.policies

  name   = each.key
  role   = aws_iam_role.this.name
  policy = each.value
}

resource "aws_iam_role_policy" "boot" {
  name = "boot"
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = ["${var.artifacts.bucket_arn}/hosts/*", "${var.artifacts.bucket_arn}/stack/*"]
      },
      {
        # It is ready, it has drained: its group waits for both words.
        Effect   = "Allow"
        Action   = "autoscaling:CompleteLifecycleAction"
        Resource = "arn:${data.aws_partition.current.partition}:autoscaling:${local.here}:autoScalingGroup:*:autoScalingGroupName/${local.full_name}"
      },
    ]
  })
}

resource "aws_iam_role_policy" "key" {
  count = var.kms_key_arn == null ? 0 : 1

  name = "key"
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = var.kms_key_arn
    }]
  })
}

# A shell and ports by Session Manager, with a record of who had one.
resource "aws_iam_role_policy_attachment" "ssm" {
  role       = aws_iam_role.this.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_instance_profile" "this" {
  name = local.full_name
  role = aws_iam_role.this.name
  tags = var.tags
}

resource "aws_launch_template" "this" {
  #checkov:skip=CKV_AWS_88:Without NAT a host has a public address for what it fetches; its security group lets nothing in.
  name                   = local.full_name
  description            = "Hosts of kind ${var.kind} of ${var.name}."
  image_id               = coalesce(var.image_id, data.aws_ssm_parameter.image.value)
  user_data              = base64gzip(local.user_data)
  update_default_version = true
  ebs_optimized          = true
  # One that could not become a host ends itself.
  instance_initiated_shutdown_behavior = "terminate"
  tags                                 = var.tags

  iam_instance_profile {
    arn = aws_iam_instance_profile.this.arn
  }

  # Credentials go to the host and no further: a container's packet takes one hop more than it may.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "disabled"
  }

  network_interfaces {
    associate_public_ip_address = var.public_address
    security_groups             = [var.security_group_id]
    delete_on_termination       = true
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = var.disk_gb
      encrypted             = true
      kms_key_id            = var.kms_key_arn
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume", "network-interface"])

    content {
      resource_type = tag_specifications.value
      tags          = merge(var.tags, { Name = local.full_name })
    }
  }
}

resource "aws_autoscaling_group" "this" {
  name                = local.full_name
  min_size            = var.min_size
  max_size            = var.max_size
  vpc_zone_identifier = var.subnet_ids
  target_group_arns   = var.target_group_arns
  # Not the balancer's: a router that has no certificate yet would be replaced by another one without. systemd starts again
  # what ends on a machine, and the balancer sends nothing to who does not answer.
  health_check_type         = "EC2"
  health_check_grace_period = 300
  default_instance_warmup   = 120
  capacity_rebalance        = var.on_demand_percent < 100
  # The archive must be there before the first machine asks for it, and the group need not wait for machines.
  wait_for_capacity_timeout = "0"

  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity                  = var.on_demand_base
      on_demand_percentage_above_base_capacity = var.on_demand_percent
      spot_allocation_strategy                 = "price-capacity-optimized"
    }

    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.this.id
        version            = aws_launch_template.this.latest_version
      }

      dynamic "override" {
        for_each = local.types

        content {
          instance_type = override.value
        }
      }
    }
  }

  # It counts when its agent answers; one that has not said so in time is ended, and another one started.
  initial_lifecycle_hook {
    name                 = "ready"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    heartbeat_timeout    = 900
    default_result       = "ABANDON"
  }

  # Held back while it drains (dea_agent/leaving.py); the time is what a host may take for it at most.
  dynamic "initial_lifecycle_hook" {
    for_each = var.drain_s == null ? [] : [var.drain_s]

    content {
      name                 = "drain"
      lifecycle_transition = "autoscaling:EC2_INSTANCE_TERMINATING"
      heartbeat_timeout    = initial_lifecycle_hook.value
      default_result       = "CONTINUE"
    }
  }

  # A new launch template replaces the hosts, one after the other: the new one first, so that apps have where to go.
  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 110
      skip_matching          = true
    }
  }

  dynamic "tag" {
    for_each = merge(var.tags, { Name = local.full_name })

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  lifecycle {
    precondition {
      condition     = var.max_size >= var.min_size
      error_message = "A group of hosts has a minimum above its maximum: ${var.kind}_min and ${var.kind}_max."
    }
  }

  depends_on = [aws_iam_role_policy.own, aws_iam_role_policy.boot, aws_iam_role_policy_attachment.ssm]
}
