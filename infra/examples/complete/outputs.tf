output "postern" {
  description = "What aws({ terraform }) of postern.config.ts reads: names, no secret. terraform output -json postern > infra/staging.json"
  value = {
    region     = var.region
    endpoint   = module.database.endpoint
    resourceId = module.database.resource_id
    # A task of variant "ecs" has no tag that a session could ask for: null, and the configuration names it.
    jumpHost      = module.jump_host.target_is_tagged ? { tag = { (module.jump_host.tag.key) = module.jump_host.tag.value } } : null
    document      = { name = module.ci_access.document_name }
    bootstrap     = module.bootstrap_lambda.bootstrap.name
    testDatabases = try(module.bootstrap_lambda.testdb.name, null)
  }
}

output "ci_role_arn" {
  description = "Repository variable POSTERN_CI_ROLE_ARN; null without test databases."
  value       = module.ci_access.ci_role_arn
}

output "deploy_role_arn" {
  description = "Repository variable POSTERN_DEPLOY_ROLE_ARN."
  value       = module.ci_access.deploy_role_arn
}

output "developer_role_arn" {
  description = "Role of people; null without developer_principal_arns."
  value       = module.ci_access.developer_role_arn
}

output "services" {
  description = "What each service runs with: its role, its security group, and the users that it may log in as."
  value = {
    for name, service in local.services : name => {
      role_arn          = aws_iam_role.service[name].arn
      security_group_id = aws_security_group.services.id
      database_users    = service.users
    }
  }
}
