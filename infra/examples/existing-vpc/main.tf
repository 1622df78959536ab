# A cluster for one service in a VPC that exists, for an organisation that gives CI nothing it can do without: no permission to look
# anything up. What would be discovered stands in the configuration.

provider "aws" {
  region = var.region
}

locals {
  tags = merge({ Environment = var.name }, var.tags)
}

module "network" {
  source = "../../modules/network"

  name         = var.name
  existing_vpc = var.vpc

  aws_api_access             = length(var.missing_endpoints) > 0 ? "endpoints" : "none"
  interface_endpoints        = var.missing_endpoints
  aws_api_egress_cidr_blocks = var.api_cidr_blocks
  s3_gateway_endpoint        = var.s3_gateway_endpoint
  client_security_group_ids  = { ledger = aws_security_group.service.id }
  tags                       = local.tags
}

module "database" {
  source = "../../modules/database"

  name               = var.name
  variant            = "aurora"
  environment_kind   = var.environment_kind
  subnet_ids         = module.network.database_subnet_ids
  security_group_ids = [module.network.security_group_ids.database]
  tags               = local.tags
}

module "jump_host" {
  source = "../../modules/jump-host"

  name               = var.name
  variant            = "ec2"
  subnet_ids         = module.network.private_subnet_ids
  security_group_ids = [module.network.security_group_ids.jump_host]

  # Its id is configuration here: a new instance is a commit. A year is the longest that there is.
  max_instance_lifetime_days = 365
  tags                       = local.tags
}

module "bootstrap_lambda" {
  source = "../../modules/bootstrap-lambda"

  name               = var.name
  artifact_path      = coalesce(var.artifact_path, "${path.module}/../../../.cache/postern/deploy/bootstrap.zip")
  subnet_ids         = module.network.private_subnet_ids
  security_group_ids = [module.network.security_group_ids.functions]
  database           = module.database
  tags               = local.tags
}

module "ci_access" {
  source = "../../modules/ci-access"

  name   = var.name
  github = { repositories = [var.github] }
  # The ARN of a provider that this configuration makes is not known when planning: then false here.
  create_oidc_provider = var.oidc_provider_arn == null
  oidc_provider_arn    = var.oidc_provider_arn
  database             = module.database
  jump_host            = module.jump_host
  functions            = module.bootstrap_lambda
  deploy_environments  = ["production-plan", "production"]
  discovery            = { cluster = false, jump_host = false, sessions = false }
  tags                 = local.tags
}
