# Hosts for apps. They take connections from routers only; the HealthManager hears from EventBridge what becomes of them.

locals {
  first_port = 20000
  last_port  = 25999

  # What the agent takes at most (drain_deadline_s of chalicelib/core/timers.py, a minute to stop), and some more.
  drain_s = ceil(tonumber(lookup(var.settings, "ZF_DRAIN_DEADLINE_S", "300"))) + 180

  settings = merge(var.settings, {
    ZF_DEA_DIR           = "/var/lib/zerofoundry/dea"
    ZF_RUNTIME           = "docker"
    ZF_PORT_RANGE        = "${local.first_port}-${local.last_port}"
    ZF_ISOLATION_SEGMENT = var.isolation_segment
    ZF_GROUP             = "${var.name}-dea"
    ZF_LIFECYCLE_HOOK    = "drain"
  })
}

module "hosts" {
  source = "../host_group"

  name              = var.name
  kind              = "dea"
  artifacts         = var.artifacts
  image_id          = var.image_id
  instance_types    = var.instance_types
  min_size          = var.min_size
  max_size          = var.max_size
  on_demand_base    = var.on_demand_base
  on_demand_percent = var.on_demand_percent
  disk_gb           = var.disk_gb
  packages          = ["docker", "iptables-nft"]
  settings          = local.settings
  subnet_ids        = var.subnet_ids
  security_group_id = aws_security_group.this.id
  public_address    = var.public_address
  drain_s           = local.drain_s
  kms_key_arn       = var.kms_key_arn
  tags              = var.tags

  policies = { bus = var.policy }
}

resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5:The launch template of the hosts has it, in the module that makes them.
  name        = "${var.name}-dea"
  description = "DEAs: ports of apps, from routers"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-dea" })
}

resource "aws_vpc_security_group_ingress_rule" "apps" {
  security_group_id            = aws_security_group.this.id
  description                  = "Apps, from routers"
  referenced_security_group_id = var.router_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = local.first_port
  to_port                      = local.last_port
  tags                         = var.tags
}

# Where apps may connect is the business of their security groups (docs/networks.md), packet by packet, on the host.
resource "aws_vpc_security_group_egress_rule" "all" {
  #checkov:skip=CKV_AWS_382:Apps connect where they like; their own security groups (docs/networks.md) are the place to say no.
  security_group_id = aws_security_group.this.id
  description       = "Everything"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
  tags              = var.tags
}

# AWS's word on its machines, as an envelope of ours (CloudHost in chalicelib/contracts/health.py). Those that are not
# DEAs of ours are unknown to the HealthManager, which passes over them.
locals {
  events = {
    state = {
      source = "aws.ec2"
      type   = "EC2 Instance State-change Notification"
      detail = { state = ["shutting-down", "stopping", "stopped", "terminated"] }
      paths  = { host = "$.detail.instance-id", id = "$.id", state = "$.detail.state" }
      state  = "<state>"
    }
    group = {
      source = "aws.autoscaling"
      type   = "EC2 Instance-terminate Lifecycle Action"
      detail = { AutoScalingGroupName = ["${var.name}-dea"] }
      paths  = { host = "$.detail.EC2InstanceId", id = "$.id" }
      state  = "stopping"
    }
    spot = {
      source = "aws.ec2"
      type   = "EC2 Spot Instance Interruption Warning"
      detail = {}
      paths  = { host = "$.detail.instance-id", id = "$.id" }
      state  = "interruption"
    }
  }
}

resource "aws_cloudwatch_event_rule" "hosts" {
  for_each = local.events

  name        = "${var.name}-host-${each.key}"
  description = "Tells the HealthManager: ${each.value.type}."
  tags        = var.tags

  event_pattern = jsonencode(merge(
    { source = [each.value.source], detail-type = [each.value.type] },
    { for key, detail in { detail = each.value.detail } : key => detail if length(detail) > 0 },
  ))
}

resource "aws_cloudwatch_event_target" "hosts" {
  for_each = local.events

  rule      = aws_cloudwatch_event_rule.hosts[each.key].name
  target_id = "hm"
  arn       = var.hm_queue_arn

  # sent_at 0: the message has no time to live, so nobody asks for its age.
  input_transformer {
    input_paths    = each.value.paths
    input_template = <<-EOT
      {"id":"<id>","subject":"cloud.host","sent_at":0,"sender":"aws.events","trace":"<id>","v":1,"body":{"host":"<host>","state":"${each.value.state}"}}
    EOT
  }
}
