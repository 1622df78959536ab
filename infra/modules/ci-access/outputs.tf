output "document_name" {
  description = "The session document that forwards to the database: document.name in postern.config.ts."
  value       = aws_ssm_document.this.name
}

output "ci_role_arn" {
  description = "Role for integration tests in GitHub Actions: role-to-assume. null without github."
  value       = try(aws_iam_role.this["ci"].arn, null)
}

output "deploy_role_arn" {
  description = "Role for deploys: role-to-assume. null without github, bootstrap function or deploy_environments."
  value       = try(aws_iam_role.this["deploy"].arn, null)
}

output "developer_role_arn" {
  description = "Role for people. null without developers.principal_arns."
  value       = try(aws_iam_role.this["developer"].arn, null)
}

output "oidc_provider_arn" {
  description = "GitHub's OIDC provider: oidc_provider_arn for the next use of this module in the account."
  value       = local.oidc_provider_arn
}
