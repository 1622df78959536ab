# A private Aurora cluster for two services, the ways into it, and nothing else that is open.

provider "aws" {
  region = var.region
}

locals {
  tags = merge({ Environment = var.name }, var.tags)
}

module "network" {
  source = "../../modules/network"

  name                      = var.name
  client_security_group_ids = { services = aws_security_group.services.id }
  tags                      = local.tags
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
  tags               = local.tags
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

  name = var.name
  github = {
    repositories = [{
      owner    = var.github_owner
      name     = var.github_repository
      owner_id = try(var.github_ids.owner, null)
      id       = try(var.github_ids.repository, null)
    }]
  }
  create_oidc_provider = var.oidc_provider_arn == null
  oidc_provider_arn    = var.oidc_provider_arn
  deploy_environments  = var.deploy_environments

  # deploy.yml brings new code into the functions. false where only Terraform does.
  deploy_code = true

  database  = module.database
  jump_host = module.jump_host
  functions = module.bootstrap_lambda

  # Endpoint and resource id are in the output postern: nobody has to look the cluster up.
  discovery = { cluster = false }

  developers = {
    principal_arns = var.developer_principal_arns
    database_users = ["ledger_readonly", "statements_readonly"]
  }
  tags = local.tags
}
