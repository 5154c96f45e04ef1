# Routers behind a load balancer that passes TCP on, with the client's address in front (PROXY protocol, version 2).

locals {
  # What Envoy listens on, which needs no privilege, by the port that clients use.
  listeners = {
    https = { port = 443, listens = 8443 }
    http  = { port = 80, listens = 8080 }
  }

  settings = merge(var.settings, {
    ZF_ROUTER_DIR      = "/var/lib/zerofoundry/router"
    ZF_UPLOADER_SOCKET = "/var/lib/zerofoundry/uploader.sock"
    ZF_LISTEN          = "0.0.0.0:${local.listeners.http.listens}"
    ZF_TLS_LISTEN      = "0.0.0.0:${local.listeners.https.listens}"
    ZF_EXTERNAL_PORT   = tostring(local.listeners.https.port)
    ZF_PROXY_PROTOCOL  = "true"
    ZF_CERTIFICATES    = var.certificates
    ZF_API_UPSTREAM    = var.api_endpoint
  })
}

module "hosts" {
  source = "../host_group"

  name              = var.name
  kind              = "router"
  artifacts         = var.artifacts
  image_id          = var.image_id
  instance_types    = var.instance_types
  min_size          = var.min_size
  max_size          = var.max_size
  disk_gb           = 16
  settings          = local.settings
  policies          = { bus = var.policy, certificates = var.certificates_policy }
  subnet_ids        = var.subnet_ids
  security_group_id = aws_security_group.this.id
  public_address    = true
  target_group_arns = [for group in aws_lb_target_group.this : group.arn]
  kms_key_arn       = var.kms_key_arn
  tags              = var.tags
}

resource "aws_lb" "this" {
  #checkov:skip=CKV_AWS_91:Routers log every request with its client; the balancer sees connections only.
  #checkov:skip=CKV2_AWS_28:A firewall of AWS's reads HTTP, which only the routers see.
  #checkov:skip=CKV_AWS_150:It follows var.deletion_protection, which the examples set.
  #checkov:skip=CKV2_AWS_20:It passes TCP on; the routers answer port 80 with a redirect.
  name                             = var.name
  load_balancer_type               = "network"
  subnets                          = var.subnet_ids
  security_groups                  = [aws_security_group.balancer.id]
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.deletion_protection
  tags                             = var.tags
}

resource "aws_lb_target_group" "this" {
  for_each = local.listeners

  name                   = "${var.name}-${each.key}"
  vpc_id                 = var.vpc_id
  protocol               = "TCP"
  port                   = each.value.listens
  target_type            = "instance"
  proxy_protocol_v2      = true
  preserve_client_ip     = false
  deregistration_delay   = 60
  connection_termination = true
  tags                   = var.tags

  health_check {
    protocol            = "TCP"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "this" {
  #checkov:skip=CKV_AWS_2:TLS ends at the routers, which redirect plain HTTP.
  #checkov:skip=CKV_AWS_103:TLS ends at the routers, which speak 1.2 and 1.3.
  for_each = local.listeners

  load_balancer_arn = aws_lb.this.arn
  port              = each.value.port
  protocol          = "TCP"
  tags              = var.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }
}

resource "aws_security_group" "balancer" {
  name        = "${var.name}-balancer"
  description = "The load balancer: http and https from everywhere"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-balancer" })
}

resource "aws_vpc_security_group_ingress_rule" "world" {
  #checkov:skip=CKV_AWS_260:Port 80 answers with a redirect to https, and that is for everybody.
  for_each = local.listeners

  security_group_id = aws_security_group.balancer.id
  description       = "Clients, ${each.key}"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  tags              = var.tags
}

resource "aws_vpc_security_group_egress_rule" "routers" {
  for_each = local.listeners

  security_group_id            = aws_security_group.balancer.id
  description                  = "Routers, ${each.key}"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = each.value.listens
  to_port                      = each.value.listens
  tags                         = var.tags
}

resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5:The launch template of the hosts has it, in the module that makes them.
  name        = "${var.name}-router"
  description = "Routers: clients by the load balancer, logs from DEAs"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-router" })
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = local.listeners

  security_group_id            = aws_security_group.this.id
  description                  = "Clients, ${each.key}, by the load balancer"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = each.value.listens
  to_port                      = each.value.listens
  tags                         = var.tags
}

# Apps' logs come to a port that each router chooses when it begins and tells the DEAs; routers ask one another, too.
resource "aws_vpc_security_group_ingress_rule" "logs" {
  for_each = { deas = var.dea_security_group_id, routers = aws_security_group.this.id }

  security_group_id            = aws_security_group.this.id
  description                  = "Logs, from ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 32768
  to_port                      = 60999
  tags                         = var.tags
}

resource "aws_vpc_security_group_egress_rule" "all" {
  #checkov:skip=CKV_AWS_382:Routers reach apps, AWS, and log drains wherever those are; drains are checked in the router.
  security_group_id = aws_security_group.this.id
  description       = "Everything"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
  tags              = var.tags
}
