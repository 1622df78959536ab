output "postern" {
  description = "What aws({ terraform }) of postern.config.ts reads: names, no secret. terraform output -json postern > infra/staging.json"
  value = {
    region     = var.region
    endpoint   = module.database.endpoint
    resourceId = module.database.resource_id
    # The tag, as long as no id is given: for people who may look it up. CI may not, and says so.
    jumpHost = [
      { tag = { (module.jump_host.tag.key) = module.jump_host.tag.value } },
      var.jump_host_instance_ids,
    ][length(var.jump_host_instance_ids) > 0 ? 1 : 0]
    document      = { name = module.ci_access.document_name }
    bootstrap     = module.bootstrap_lambda.bootstrap.name
    testDatabases = try(module.bootstrap_lambda.testdb.name, null)
  }
}

output "ci_role_arn" {
  description = "Repository variable POSTERN_CI_ROLE_ARN."
  value       = module.ci_access.ci_role_arn
}

output "deploy_role_arn" {
  description = "Repository variable POSTERN_DEPLOY_ROLE_ARN."
  value       = module.ci_access.deploy_role_arn
}

output "service" {
  description = "What the service runs with: its role, and the security group that reaches the database."
  value = {
    role_arn          = aws_iam_role.service.arn
    security_group_id = aws_security_group.service.id
  }
}

output "autoscaling_group_name" {
  description = "Where the jump host's instance id is looked up: see the README."
  value       = module.jump_host.autoscaling_group_name
}
