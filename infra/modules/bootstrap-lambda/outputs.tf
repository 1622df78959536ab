output "bootstrap" {
  description = "The function that makes databases, roles and migrations."
  value       = local.outputs.bootstrap
}

output "testdb" {
  description = "The function for test databases; null with test_databases = false."
  value       = try(local.outputs.testdb, null)
}

output "invocation_result" {
  description = "What the function answered to invoke_after_deploy, as JSON; null without it."
  value       = one(aws_lambda_invocation.apply[*].result)
}
