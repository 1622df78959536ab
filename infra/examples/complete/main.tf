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

  # Ten minutes, in ms: a pool that nobody closes would keep the cluster awake, and a cluster that is awake costs. The functions and the
  # lease of a run set their own. Not for production: it has users at all hours, and a pg.Pool without a listener for "error" ends its
  # process when the server ends an idle connection.
  parameters = var.environment_kind == "production" ? {} : { idle_session_timeout = "600000" }
  tags       = local.tags
}

module "jump_host" {
  source = "../../modules/jump-host"

  name = var.name
  # "ecs" takes more than this line: see "Other choices" in the README.
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
  test_databases     = var.test_databases
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
    # Without test databases there is nothing to test on: no CI role.
    pull_requests = var.test_databases
    branches      = var.test_databases ? ["main"] : []
  }
  # The ARN of a provider that this configuration makes is not known when planning: then false here.
  create_oidc_provider = var.oidc_provider_arn == null
  oidc_provider_arn    = var.oidc_provider_arn
  deploy_environments  = var.deploy_environments

  # deploy.yml brings new code into the functions, and their code is the database's master: only from deploy_branches. false where
  # only Terraform brings code.
  deploy_code     = true
  deploy_branches = var.deploy_branches

  database  = module.database
  jump_host = module.jump_host
  functions = module.bootstrap_lambda

  # Endpoint and resource id are in the output postern: nobody has to look the cluster up.
  discovery = { cluster = false }

  developers = {
    principal_arns = var.developer_principal_arns
    database_users = flatten([for service in local.services : service.people])
    # The new code is in the function already while deploy.yml waits for its reviewers: they decide, so nobody else applies it.
    invoke_bootstrap = false
  }
  tags = local.tags
}
