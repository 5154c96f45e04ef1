# One VPC over the zones. Routers stand in public subnets. DEAs have subnets of their own: behind NAT where one is paid for,
# else with public addresses whose security group (module dea_pool) lets nothing in.

data "aws_region" "current" {}

locals {
  # Places of the zones in the VPC's sixteen parts: the first eight for routers, the others for DEAs.
  public = { for i, zone in var.zones : zone => cidrsubnet(var.cidr, 4, i) }
  dea    = { for i, zone in var.zones : zone => cidrsubnet(var.cidr, 4, 8 + i) }

  nat_zones = {
    none     = toset([])
    one      = toset([var.zones[0]])
    per_zone = toset(var.zones)
  }[var.nat]
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_hostnames = true
  enable_dns_support   = true
  tags                 = merge(var.tags, { Name = var.name })
}

# What nobody gave a security group can neither be reached nor reach anything.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-closed" })
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = var.name })
}

resource "aws_subnet" "public" {
  #checkov:skip=CKV_AWS_130:Routers and the load balancer before them are what the internet reaches.
  for_each = local.public

  vpc_id                  = aws_vpc.this.id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = true
  tags                    = merge(var.tags, { Name = "${var.name}-public-${each.key}" })
}

resource "aws_subnet" "dea" {
  for_each = local.dea

  vpc_id                  = aws_vpc.this.id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = var.nat == "none"
  tags                    = merge(var.tags, { Name = "${var.name}-dea-${each.key}" })
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-public" })
}

resource "aws_route" "public" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  for_each = local.public

  subnet_id      = aws_subnet.public[each.key].id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table" "dea" {
  for_each = local.dea

  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-dea-${each.key}" })
}

resource "aws_route" "dea" {
  for_each = local.dea

  route_table_id         = aws_route_table.dea[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = var.nat == "none" ? aws_internet_gateway.this.id : null
  nat_gateway_id = var.nat == "none" ? null : (
    aws_nat_gateway.this[var.nat == "one" ? var.zones[0] : each.key].id
  )
}

resource "aws_route_table_association" "dea" {
  for_each = local.dea

  subnet_id      = aws_subnet.dea[each.key].id
  route_table_id = aws_route_table.dea[each.key].id
}

resource "aws_eip" "nat" {
  #checkov:skip=CKV2_AWS_19:They belong to the NAT gateways, not to instances.
  for_each = local.nat_zones

  domain = "vpc"
  tags   = merge(var.tags, { Name = "${var.name}-nat-${each.key}" })
}

resource "aws_nat_gateway" "this" {
  for_each = local.nat_zones

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id
  tags          = merge(var.tags, { Name = "${var.name}-${each.key}" })

  depends_on = [aws_internet_gateway.this]
}

# Droplets are read from S3 over this and not through NAT, where every GB costs. Gateway endpoints cost nothing.
resource "aws_vpc_endpoint" "gateway" {
  for_each = toset(["s3", "dynamodb"])

  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${data.aws_region.current.region}.${each.key}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = concat([aws_route_table.public.id], [for zone in var.zones : aws_route_table.dea[zone].id])
  tags              = merge(var.tags, { Name = "${var.name}-${each.key}" })
}
