# What uses a subnet or a group needs the way out and the rules as well: the outputs wait for them, so
# that a jump host registers and a function that is invoked by the same apply reaches its database.

output "vpc_id" {
  description = "Id of the VPC, made or existing."
  value       = local.vpc_id
}

output "private_subnet_ids" {
  description = "Subnets for the jump host and the functions, in the order of the zones' names."
  value       = local.private_subnet_ids

  depends_on = [
    aws_route_table_association.private,
    aws_route.internet,
    aws_route.nat,
    aws_vpc_endpoint.interface,
    aws_vpc_endpoint.s3,
  ]
}

output "database_subnet_ids" {
  description = "Subnets for the database, in the order of the zones' names; no route leaves the VPC."
  value       = local.database_subnet_ids

  depends_on = [aws_route_table_association.database]
}

output "security_group_ids" {
  description = "Security groups by role: database, jump_host, functions, endpoints (null unless aws_api_access is endpoints), proxy (null unless database_proxy)."
  value = {
    database  = aws_security_group.database.id
    jump_host = aws_security_group.jump_host.id
    functions = aws_security_group.functions.id
    endpoints = one(aws_security_group.endpoints[*].id)
    proxy     = one(aws_security_group.proxy[*].id)
  }

  depends_on = [
    aws_vpc_security_group_egress_rule.api_cidr,
    aws_vpc_security_group_egress_rule.database,
    aws_vpc_security_group_egress_rule.endpoints,
    aws_vpc_security_group_egress_rule.existing_vpc,
    aws_vpc_security_group_egress_rule.jump_host_to_s3,
    aws_vpc_security_group_egress_rule.proxy,
    aws_vpc_security_group_egress_rule.proxy_to_database,
    aws_vpc_security_group_ingress_rule.database,
    aws_vpc_security_group_ingress_rule.database_from_proxy,
    aws_vpc_security_group_ingress_rule.endpoint_ranges,
    aws_vpc_security_group_ingress_rule.endpoints,
    aws_vpc_security_group_ingress_rule.proxy,
  ]
}

output "availability_zones" {
  description = "Names of the zones in use; give them back as availability_zones to pin them. Empty for an existing VPC."
  value       = local.zones
}

output "endpoint_ids" {
  description = "Ids of the VPC endpoints by service, s3 included."
  value = merge(
    { for service, endpoint in aws_vpc_endpoint.interface : service => endpoint.id },
    { for endpoint in aws_vpc_endpoint.s3 : "s3" => endpoint.id },
  )
}

output "nat_public_ips" {
  description = "Public addresses of the NAT gateways by zone, for somebody else's allow list. Empty without NAT."
  value       = { for zone, address in aws_eip.nat : zone => address.public_ip }
}
